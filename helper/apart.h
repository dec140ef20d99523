/* SPDX-License-Identifier: MIT */
/* Trying things in a process of their own, for `probe`: what they change ends with it. */
#ifndef HELPER_APART_H
#define HELPER_APART_H

#include "lib/err.h"

/**
 * apart() - call a function in a process made for it
 * @fn: returns 0, or -errno with its error filled
 * @seconds: it may take, before the process is ended
 * @step: for what goes wrong around it
 *
 * Context: a process with one thread. Return: what @fn returns; -ETIMEDOUT: it was ended.
 */
int apart(int (*fn)(void *arg, struct error *err), void *arg, unsigned int seconds,
	  const char *step, struct error *err);

#endif /* HELPER_APART_H */
