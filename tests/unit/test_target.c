/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_target.c - which programs a library can be preloaded into: made-up ELF headers, scripts,
 * file modes. Real programs are in tests/integration/targets.py.
 */
#include "suite.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target.h"

static char folder[] = "/tmp/holter-test-target-XXXXXX";
static char why[512];

/* A program as far as its headers go: one segment, which names the loader. */
struct image {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	char loader[64];
};

static struct image image_with(const char *loader)
{
	struct image image = {
		.header =
			{
				.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					ELFDATA2LSB},
				.e_type = ET_DYN,
				.e_machine = EM_X86_64,
				.e_phoff = sizeof(Elf64_Ehdr),
				.e_phentsize = sizeof(Elf64_Phdr),
				.e_phnum = 1,
			},
		.segment =
			{
				.p_type = loader ? PT_INTERP : PT_LOAD,
				.p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
				.p_filesz = loader ? strlen(loader) + 1 : 0,
			},
	};

	snprintf(image.loader, sizeof(image.loader), "%s", loader ? loader : "");
	return image;
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const void *bytes, size_t length, mode_t mode)
{
	FILE *file = fopen(path_of(name), "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
	fclose(file);
	ck_assert_int_eq(chmod(path_of(name), mode), 0);
}

static void write_image(const char *name, const struct image *image)
{
	write_file(name, image, sizeof(*image), 0755);
}

static void write_script(const char *name, const char *text)
{
	write_file(name, text, strlen(text), 0755);
}

/* `said`: a part of the complaint; null: there is none. */
static void check_target(const char *name, const char *said)
{
	int result = target_check(path_of(name), why, sizeof(why));

	ck_assert_msg(result == (said ? -ENOTSUP : 0), "%s: %d, %s", name, result, why);
	if (said)
		ck_assert_msg(strstr(why, said) != NULL, "%s: %s", name, why);
}

static void set_up(void)
{
	struct image image = image_with("/lib64/ld-linux-x86-64.so.2");

	ck_assert_ptr_nonnull(mkdtemp(folder));
	write_image("good", &image);
}

static void tear_down(void)
{
	char command[128];

	snprintf(command, sizeof(command), "/bin/rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0); /* NOLINT(bugprone-command-processor) */
}

START_TEST(programs)
{
	struct image image = image_with("/nix/store/abc/lib/ld-linux-x86-64.so.2");

	check_target("good", NULL);
	write_image("odd-place", &image);
	check_target("odd-place", NULL);
	image = image_with(NULL);
	write_image("static", &image);
	check_target("static", "linked statically");
	image = image_with("/lib/ld-musl-x86_64.so.1");
	write_image("musl", &image);
	check_target("musl", "runs on musl (/lib/ld-musl-x86_64.so.1)");
	check_target("absent", "No such file");
}
END_TEST

START_TEST(foreign_programs)
{
	struct image image = image_with("/lib/ld-linux-aarch64.so.1");

	image.header.e_machine = EM_AARCH64;
	write_image("arm", &image);
	check_target("arm", "no 64-bit x86-64 program");
	image = image_with("/lib/ld-linux.so.2");
	image.header.e_ident[EI_CLASS] = ELFCLASS32;
	write_image("i386", &image);
	check_target("i386", "no 64-bit x86-64 program");
	image = image_with(NULL);
	image.header.e_type = ET_REL;
	write_image("object.o", &image);
	check_target("object.o", "neither an ELF program");
}
END_TEST

START_TEST(malformed_programs)
{
	struct image image = image_with("/lib64/ld-linux-x86-64.so.2");

	for (size_t length = 0; length < sizeof(image.header); length++) {
		write_file("cut", &image, length, 0755);
		check_target("cut", "neither an ELF program");
	}
	write_file("cut", &image, sizeof(image.header) + 10, 0755);
	check_target("cut", "neither an ELF program");
	image.header.e_phoff = UINT64_MAX - 8;
	write_image("far", &image);
	check_target("far", "neither an ELF program");
	image = image_with("/lib64/ld-linux-x86-64.so.2");
	image.segment.p_filesz = UINT64_MAX;
	write_image("long", &image);
	check_target("long", "neither an ELF program");
	image.segment.p_filesz = 10;
	image.segment.p_offset = UINT64_MAX;
	write_image("long", &image);
	check_target("long", "neither an ELF program");
}
END_TEST

START_TEST(scripts)
{
	char text[300];
	struct image image = image_with("/lib/ld-musl-x86_64.so.1");

	write_image("musl", &image);
	snprintf(text, sizeof(text), "#! %s/good --option\nbody\n", folder);
	write_script("script", text);
	check_target("script", NULL);
	snprintf(text, sizeof(text), "#!%s/musl", folder);
	write_script("musl-script", text);
	check_target("musl-script", "/musl runs on musl");
	snprintf(text, sizeof(text), "#!%s/musl-script\n", folder);
	write_script("script-of-script", text);
	check_target("script-of-script", "/musl runs on musl");
	write_script("orphan", "#!/nowhere/at/all\n");
	check_target("orphan", "interpreter is not here");
	write_script("empty", "#!\n");
	check_target("empty", "interpreter is not here");
	write_script("text", "echo hello\n");
	check_target("text", "neither an ELF program");
	snprintf(text, sizeof(text), "#!%s/circle\n", folder);
	write_script("circle", text);
	check_target("circle", "too deep");
}
END_TEST

START_TEST(scripts_by_env)
{
	char path[300];
	struct image image = image_with(NULL);

	write_image("holter-static-thing", &image);
	snprintf(path, sizeof(path), "/nowhere:%s", folder);
	ck_assert_int_eq(setenv("PATH", path, 1), 0);
	write_script("plain", "#!/usr/bin/env good\n");
	check_target("plain", NULL);
	write_script("static", "#!/usr/bin/env -S A=1 holter-static-thing --flag\n");
	check_target("static", "/holter-static-thing is linked statically");
	write_script("unknown", "#!/usr/bin/env holter-unknown-thing\n");
	check_target("unknown", "interpreter is not here");
}
END_TEST

START_TEST(programs_in_path)
{
	char path[300], found[300];

	write_file("not-executable", "x", 1, 0644);
	ck_assert_int_eq(mkdir(path_of("a-folder"), 0755), 0);
	snprintf(path, sizeof(path), "/nowhere:%s", folder);
	ck_assert_int_eq(setenv("PATH", path, 1), 0);
	ck_assert(target_find("good", found, sizeof(found)));
	ck_assert_str_eq(found, path_of("good"));
	ck_assert(target_find(path_of("good"), found, sizeof(found)));
	ck_assert(!target_find("not-executable", found, sizeof(found)));
	ck_assert(!target_find("a-folder", found, sizeof(found)));
	ck_assert(!target_find("absent", found, sizeof(found)));
	ck_assert(!target_find("", found, sizeof(found)));
	ck_assert(!target_find("good", found, 10));
}
END_TEST

/* The mode counts for a program that becomes another user, and for that only. */
START_TEST(privilege)
{
	struct image image = image_with("/lib64/ld-linux-x86-64.so.2");

	write_image("suid", &image);
	ck_assert_int_eq(chmod(path_of("suid"), 04755), 0);
	check_target("suid", NULL); /* it is ours already */
	if (geteuid() != 0)
		return; /* only root can make another user's */
	ck_assert_int_eq(chown(path_of("suid"), 65534, 0), 0);
	ck_assert_int_eq(chmod(path_of("suid"), 04755), 0);
	check_target("suid", "gains privilege");
	write_image("sgid", &image);
	ck_assert_int_eq(chown(path_of("sgid"), 0, 65534), 0);
	ck_assert_int_eq(chmod(path_of("sgid"), 02755), 0);
	check_target("sgid", "gains privilege");
	ck_assert_int_eq(chmod(path_of("sgid"), 02745), 0);
	check_target("sgid", NULL); /* mandatory locking */
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("target");
	TCase *cases = tcase_create("targets");

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, programs);
	tcase_add_test(cases, foreign_programs);
	tcase_add_test(cases, malformed_programs);
	tcase_add_test(cases, scripts);
	tcase_add_test(cases, scripts_by_env);
	tcase_add_test(cases, programs_in_path);
	tcase_add_test(cases, privilege);
	suite_add_tcase(suite, cases);
	return suite;
}
