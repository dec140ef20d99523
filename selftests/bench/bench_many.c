// SPDX-License-Identifier: MIT
/* bench_many N - become N processes that wait for their end. */
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1;
	pid_t pid = 1;

	while (pid && --n > 0)
		pid = fork();
	for (;;)
		pause();
}
