// SPDX-License-Identifier: MIT
#include "helper/apart.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int apart(int (*fn)(void *arg, struct error *err), void *arg, unsigned int seconds,
	  const char *step, struct error *err)
{
	struct error *said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t pid;

	if (said == MAP_FAILED)
		return err_set(err, step, errno, "no memory");
	pid = fork();
	if (pid == 0) {
		alarm(seconds);
		_exit(fn(arg, said) < 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err_set(err, step, errno, "cannot start a process");
	else if (said->errnum)
		*err = *said;
	else if (status)
		err_set(err, step, ETIMEDOUT, "did not come to its end");
	munmap(said, sizeof(*said));
	return -err->errnum;
}
