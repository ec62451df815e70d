/* SPDX-License-Identifier: Apache-2.0 */
/* container.c - see container.h. Tier C. */
#include "container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procfs.h"

enum {
	ID_DIGITS = 64, /* of a container's id, in all runtimes that number them */
	ID_SHOWN = 12,  /* as `docker ps` and its kin show it */
	COMPONENT_MAX = 256,
	CGROUP_MAX = 8192,
	STATUS_MAX = 4096,
};

/* Control groups that are named for an id: PREFIX, a dash and the id. */
static const struct {
	const char *prefix, *runtime;
} by_id[] = {
	{"docker", "docker"},
	{"libpod", "podman"},
	{"libpod-payload", "podman"},
	{"cri-containerd", "kubernetes"},
	{"crio", "kubernetes"},
	{"nerdctl", "containerd"},
};

/* Control groups that bear a container's name. */
static const struct {
	const char *prefix, *runtime; /* null: no container */
} by_name[] = {
	{"lxc.payload.", "lxc"},
	{"systemd-nspawn@", "systemd-nspawn"},
	{"machine-lxc\\x2d", "lxc"}, /* by libvirt */
	{"machine-qemu\\x2d", NULL}, /* a virtual machine */
	{"machine-", "systemd-nspawn"},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void fill_in(struct container *ret, const char *runtime, const char *name, size_t length)
{
	snprintf(ret->runtime, sizeof(ret->runtime), "%s", runtime);
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)length, name);
}

static bool is_id(const char *text)
{
	return strspn(text, "0123456789abcdef") == ID_DIGITS && !text[ID_DIGITS];
}

/* Undoes systemd's \xHH, in place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		unsigned value;

		if (sscanf(from, "\\x%2x", &value) == 1 && value) {
			*to = (char)value;
			from += strlen("\\xHH");
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

static void cut_suffix(char *component)
{
	static const char *const suffixes[] = {".scope", ".service"};
	size_t length = strlen(component);

	for (size_t i = 0; i < COUNT(suffixes); i++) {
		size_t suffix = strlen(suffixes[i]);

		if (length > suffix && strcmp(component + length - suffix, suffixes[i]) == 0)
			component[length - suffix] = '\0';
	}
}

/* The runtime that a folder of this name belongs to, for what lies in it; null if to none. */
static const char *runtime_of_folder(const char *component)
{
	if (strstr(component, "kubepods"))
		return "kubernetes";
	if (strcmp(component, "docker") == 0)
		return "docker";
	if (strcmp(component, "ecs") == 0)
		return "ecs";
	if (strcmp(component, "lxc") == 0)
		return "lxc";
	return NULL;
}

/* `outer`: the runtime that a folder above names; may be null. */
static bool parse_id(char *component, const char *outer, struct container *ret)
{
	size_t length = strlen(component);
	char *id = component + (length > ID_DIGITS ? length - ID_DIGITS : 0);
	const char *runtime = id == component ? "" : NULL;

	if (!is_id(id))
		return false;
	/* SLICE:cri-containerd:ID is what a mix-up of cgroup drivers makes. */
	if (id > component && id[-1] == ':')
		runtime = "";
	for (size_t i = 0; i < COUNT(by_id) && !runtime; i++) {
		size_t prefix = strlen(by_id[i].prefix);

		if (component + prefix + 1 == id && id[-1] == '-' &&
			starts_with(component, by_id[i].prefix))
			runtime = by_id[i].runtime;
	}
	if (!runtime)
		return false; /* such as crio-conmon-ID: beside the container */
	if (outer && (!runtime[0] || strcmp(outer, "kubernetes") == 0))
		runtime = outer;
	fill_in(ret, runtime, id, ID_SHOWN);
	return true;
}

static bool parse_name(char *component, struct container *ret)
{
	for (size_t i = 0; i < COUNT(by_name); i++) {
		char *name = component + strlen(by_name[i].prefix);

		if (!starts_with(component, by_name[i].prefix))
			continue;
		if (!by_name[i].runtime)
			return false;
		unescape(name);
		fill_in(ret, by_name[i].runtime, name, strlen(name));
		return true;
	}
	return false;
}

/* One cgroup path, from the root on; the last folder that names a container is the innermost's. */
static bool parse_path(const char *path, size_t length, struct container *ret)
{
	const char *end = path + length, *outer = NULL;
	bool found = false, in_lxc = false;

	while (path < end) {
		size_t part = strcspn(path, "/\n");
		char component[COMPONENT_MAX];
		const char *folder;

		snprintf(component, sizeof(component), "%.*s", (int)part, path);
		path += part + 1;
		cut_suffix(component);
		if (in_lxc) {
			fill_in(ret, "lxc", component, strlen(component));
			found = true;
		}
		folder = runtime_of_folder(component);
		outer = folder ? folder : outer;
		in_lxc = folder && strcmp(folder, "lxc") == 0;
		found |= parse_id(component, outer, ret) || parse_name(component, ret);
	}
	return found;
}

bool container_parse(const char *cgroup, struct container *ret)
{
	bool found = false;

	fill_in(ret, "", "", 0);
	/* Lines are HIERARCHY:CONTROLLERS:PATH. */
	while (*cgroup && !found) {
		size_t length = strcspn(cgroup, "\n");
		const char *path = memchr(cgroup, ':', length);

		path = path ? memchr(path + 1, ':', length - (size_t)(path + 1 - cgroup)) : NULL;
		if (path)
			found = parse_path(path + 1, length - (size_t)(path + 1 - cgroup), ret);
		cgroup += length + (cgroup[length] == '\n');
	}
	return found;
}

/* The last of the pids that NSpid lists, outermost first; 0 if there is but one. */
static pid_t pid_inside(pid_t pid)
{
	char status[STATUS_MAX];
	const char *field;
	long inner = 0;
	int count = 0;

	if (procfs_read(pid, "status", status, sizeof(status)) < 0)
		return 0;
	for (field = procfs_field(status, "NSpid:"); field && *field && *field != '\n'; count++) {
		inner = strtol(field, NULL, 10);
		field += strcspn(field, " \t\n");
		field += strspn(field, " \t");
	}
	return count > 1 ? (pid_t)inner : 0;
}

void container_look(pid_t pid, struct container *ret)
{
	static const struct {
		const char *kind;
		enum container_namespace bit;
	} namespaces[] = {
		{"pid", CONTAINER_PID}, {"mnt", CONTAINER_MOUNT}, {"net", CONTAINER_NETWORK}};
	char cgroup[CGROUP_MAX];
	bool named;

	*ret = (struct container){0};
	for (size_t i = 0; i < COUNT(namespaces); i++) {
		uint64_t theirs = procfs_namespace(pid, namespaces[i].kind);

		ret->unsure |= theirs == 0;
		if (theirs && theirs != procfs_namespace(getpid(), namespaces[i].kind))
			ret->foreign |= namespaces[i].bit;
	}
	ret->pid = pid_inside(pid);
	named = procfs_read(pid, "cgroup", cgroup, sizeof(cgroup)) > 0 &&
		container_parse(cgroup, ret);
	/* A service of systemd may have mounts or a network of its own and is no container; and a
	 * process with our own namespaces shares our container. */
	ret->inside = ret->pid || (ret->foreign & CONTAINER_PID) ||
		      (named && (ret->foreign || ret->unsure));
}

void container_describe(const struct container *container, char *ret, size_t size)
{
	if (!container->inside)
		ret[0] = '\0';
	else if (!container->name[0])
		snprintf(ret, size, "unnamed");
	else
		snprintf(ret, size, "%s%s%s", container->runtime, container->runtime[0] ? ":" : "",
			container->name);
}
