/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flames.c - prints the flame graph of a recording that is made by hand, for flame.py to look at in
 * a browser.
 *
 *     flames calls      a few functions that call each other
 *     flames hostile    every name tries to be markup, a script, a terminal's escape or a reversed
 * text
 */
#include <stdlib.h>
#include <string.h>

#include "made.h"
#include "render.h"

/* NOLINTBEGIN(misc-misleading-bidirectional): that is what is tested */
/* Each would set an attribute of the document if it ever ran. Blanks would part frames, so that
 * there are none. */
#define OWN "document.documentElement.setAttribute('data-owned','1')"

static const char *const names[] = {
	"</script><script>" OWN "</script>",
	"</title></svg><script>" OWN "</script>",
	"\"><img/src=x/onerror=" OWN ">",
	"'/onload='" OWN,
	"]]></style><script>" OWN "</script><![CDATA[",
	"<!--",
	"&lt;b&gt;&#60;",
	"<foreignObject><iframe/src=javascript:" OWN ">",
	"\xe2\x80\xaetxt.exe\xe2\x81\xa6",
	"\x1b]0;owned\x07",
	"line\nbreak\r\ttab",
	"\xff\xfe\xc0\xaf",
	"\xef\xbf\xbf",
	"${" OWN "}`" OWN "`",
};

/* NOLINTEND(misc-misleading-bidirectional) */

enum { NAMES = sizeof(names) / sizeof(names[0]) };

static void add_hostile(struct recording *recording)
{
	recording->head.runtime = names[0];
	for (int i = 0; i < NAMES; i++) {
		char *stack;

		if (asprintf(&stack, "%s@/app/%s:8 %s!/usr/lib/%s %s@/app/server.js:3", names[i],
			    names[i], names[i], names[i], names[0]) < 0)
			abort();
		made_plain(recording, i * 200, 100, stack, 4, -1);
		free(stack);
	}
}

static void add_calls(struct recording *recording)
{
	static const struct {
		const char *stack;
		double weight_ms;
	} samples[] = {
		{"sha!/usr/bin/node hash@/app/server.js:8 login@/app/server.js:20 "
		 "main!/usr/bin/node",
			60},
		{"sha!/usr/bin/node hash@/app/server.js:8 renew@/app/server.js:30 "
		 "main!/usr/bin/node",
			20},
		{"parse@/app/node_modules/xml/parse.js:5 login@/app/server.js:20 "
		 "main!/usr/bin/node",
			19.8},
		{"tiny@/app/server.js:40 main!/usr/bin/node", 0.2},
	};

	made_stall(recording, 0, 100, 100);
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		made_sample(recording, samples[i].stack, samples[i].weight_ms, -1);
}

int main(int argc, char **argv)
{
	struct flame_options options = {.of = FLAME_STALL};
	struct recording *recording = made_recording("node 20.20.2", "/usr/bin/node");
	int error;

	if (argc == 2 && strcmp(argv[1], "hostile") == 0)
		add_hostile(recording);
	else
		add_calls(recording);
	error = render_flame_svg(stdout, recording, &options);
	made_free(recording);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
