/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 06_throws.cc - hazard 6: exceptions are thrown and caught through many frames while the thread is
 * sampled. The signal lands in the C++ unwinder again and again; each exception must arrive with
 * its value, and each destructor on the way run once.
 *
 *     06_throws SECONDS
 */
#include <stdexcept>
#include <string>

#include "loop.h"

enum { DEPTH = 40, PER_TURN = 2000 };

static unsigned long built, destroyed;

struct Guard {
	Guard()
	{
		built++;
	}
	~Guard()
	{
		destroyed++;
	}
};

__attribute__((noinline)) static unsigned descend(unsigned depth, unsigned number)
{
	Guard guard;

	if (depth == 0)
		throw std::runtime_error(std::to_string(number));
	return descend(depth - 1, number) + 1;
}

static void throw_once(unsigned number)
{
	try {
		descend(DEPTH, number);
	} catch (const std::runtime_error &error) {
		if (error.what() == std::to_string(number))
			return;
		broken("exception %u arrived as %s", number, error.what());
	}
	broken("exception %u did not arrive", number);
}

int main(int argc, char **argv)
{
	double end = now_ms() + 1e3 * (argc > 1 ? atof(argv[1]) : 1);
	int loop = loop_open();
	unsigned number = 0;

	serve();
	loop_warm(loop);
	while (now_ms() < end) {
		for (unsigned i = 0; i < PER_TURN; i++)
			throw_once(number++);
		loop_turn(loop);
	}
	if (built != destroyed || built != (DEPTH + 1ul) * number)
		broken("%lu objects, %lu destroyed", built, destroyed);
	printf("%u exceptions\n", number);
	return 0;
}
