// SPDX-License-Identifier: MIT
/* Settings that an option and a variable can both make. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper/plan_parts.h"
#include "helper/unshare.h"
#include "lib/cleanup.h"

int setting_refuse(const struct setting *setting, struct error *err, int errnum,
		   const char *fmt, ...)
{
	char message[sizeof(err->message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	return err_set(err, setting->step, errnum, "%s: %s", setting->name, message);
}

static int unknown_word(const struct setting *setting, const struct word_list *words,
			const char *word, struct error *err)
{
	const char *meant = word_guess(words, word);

	setting_refuse(setting, err, EINVAL, "unknown value %s", text_quote(word).text);
	if (meant)
		err_hint(err, "did you mean %s?", meant);
	else
		err_hint(err, "known here: %s", words->text);
	return -EINVAL;
}

int setting_word(const struct setting *setting, const struct word_list *words, struct error *err)
{
	int i = word_index(words, setting->value);

	return i < 0 ? unknown_word(setting, words, setting->value, err) : i;
}

int setting_backend(const struct setting *setting, enum cellos_backend *ret, struct error *err)
{
	static const char *const words[] = {
		[CELLOS_BACKEND_HOST] = "host",
		[CELLOS_BACKEND_GVISOR] = "gvisor",
		NULL
	};
	static const struct word_list backends = { words, "host, gvisor" };
	int i = setting_word(setting, &backends, err);

	if (i < 0)
		return i;
	*ret = i;
	return 0;
}

int setting_unshare(const struct setting *setting, uint32_t *ret, struct error *err)
{
	const struct word_list list = {
		unshare_words.words, "none, or a comma list of pid, ipc, mnt, net, user, uts, "
		"cgroup, time"
	};
	const char *unknown, *meant;
	char *word __free(mem) = NULL;

	if (unshare_parse(setting->value, ret, &unknown))
		return 0;
	meant = unshare_guess(unknown);
	word = strndup(unknown, strcspn(unknown, ","));
	if (!word)
		return err_set(err, setting->step, ENOMEM, "no memory");
	if (!meant)
		return unknown_word(setting, &list, word, err);
	setting_refuse(setting, err, EINVAL, "unknown value %s", text_quote(word).text);
	err_hint(err, "did you mean %s?", meant);
	return -EINVAL;
}
