// SPDX-License-Identifier: MIT
#include "helper/document_field.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "helper/text.h"
#include "lib/cleanup.h"

/* Indexed by json_type, with the article that makes a sentence of it. */
static const char *const type_names[] = {
	[JSON_OBJECT]	= "an object",
	[JSON_ARRAY]	= "an array",
	[JSON_STRING]	= "a string",
	[JSON_INTEGER]	= "an integer",
	[JSON_REAL]	= "a number with a fraction or an exponent",
	[JSON_TRUE]	= "true or false",
	[JSON_FALSE]	= "true or false",
	[JSON_NULL]	= "null",
};

const struct field *shape_field(const struct shape *shape, const char *key, size_t length)
{
	const struct field *field;

	for (field = shape->fields; field->name; field++)
		if (strlen(field->name) == length && !memcmp(field->name, key, length))
			return field;
	return NULL;
}

static int unknown_key(const struct place *at, const struct shape *shape, const char *key,
		       struct error *err)
{
	struct place here = PLACE_KEY(at, key);
	struct guess guess = GUESS(key);
	char known[200] = "";
	const struct field *field;
	size_t used = 0;
	int ret;

	for (field = shape->fields; field->name; field++) {
		guess_try(&guess, field->name);
		if (used < sizeof(known))
			used += snprintf(known + used, sizeof(known) - used, "%s%s",
					 used ? ", " : "", field->name);
	}
	ret = place_refuse(&here, err, EINVAL, "unknown key %s", text_quote(key).text);
	if (guess.best)
		err_hint(err, "did you mean \"%s\"?", guess.best);
	else
		err_hint(err, "known here: %s", known);
	return ret;
}

static int check_keys(const struct place *at, json_t *object, const struct shape *shape,
		      struct error *err)
{
	const char *key;
	json_t *value;

	if (shape->open)
		return 0;
	json_object_foreach(object, key, value)
		if (!shape_field(shape, key, strlen(key)))
			return unknown_key(at, shape, key, err);
	return 0;
}

/* "64M", "2 GiB" where bytes are meant: how many these are; 0: another text, or too many. */
static int64_t bytes_meant(const char *text)
{
	static const char units[] = "KMGT";
	size_t digits = strspn(text, "0123456789");
	const char *suffix = text + digits + strspn(text + digits, " ");
	const char *unit = *suffix ? strchr(units, toupper((unsigned char)*suffix)) : NULL;
	unsigned int shift = unit ? 10 * (unsigned int)(unit - units + 1) : 0;
	int64_t number = 0;

	if (!unit || digits > 9 || strlen(suffix) > sizeof("KiB") - 1)
		return 0;
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (text[i] - '0');
	return number <= INT64_MAX >> shift ? number << shift : 0;
}

/* A text where a number has to be: what number may have been meant. */
static void hint_number(const struct place *at, const char *text, const char *hint,
			struct error *err)
{
	static const char *const words[] = { "max", "unlimited", "infinity", "none", "", NULL };
	static const struct word_list no_limit = { words, NULL };
	int64_t bytes = at->key && strstr(at->key, "Bytes") ? bytes_meant(text) : 0;

	if (*text && !text[strspn(text, "0123456789")])
		err_hint(err, "write the number without quotes: %.24s", text);
	else if (bytes)
		err_hint(err, "write the number of bytes, without quotes: %" PRId64, bytes);
	else if (hint && strstr(hint, "for no limit") && word_index(&no_limit, text) >= 0)
		err_hint(err, "%s", hint);
	else
		err_hint(err, "write a number, digits only, without quotes");
}

static int check_type(const struct place *at, const json_t *value, unsigned int types,
		      const char *hint, struct error *err)
{
	char wanted[160] = "";
	size_t used = 0;
	unsigned int type;
	int ret;

	if (types & 1u << json_typeof(value))
		return 0;
	for (type = 0; type < ARRAY_SIZE(type_names); type++)
		if (types & 1u << type && type != JSON_FALSE && type != JSON_NULL &&
		    used < sizeof(wanted))
			used += snprintf(wanted + used, sizeof(wanted) - used, "%s%s",
					 used ? " or " : "", type_names[type]);
	ret = place_refuse(at, err, EINVAL, "is %s, must be %s",
			   type_names[json_typeof(value)], wanted);
	if (types & IS_INTEGER && json_is_string(value))
		hint_number(at, json_string_value(value), hint, err);
	else if (types & IS_INTEGER && json_is_real(value))
		err_hint(err, "write a whole number, digits only");
	else if (types == IS_STRING && hint)
		err_hint(err, "%s", hint);
	return ret;
}

int value_check_type(const struct place *at, const json_t *value, unsigned int types,
		     struct error *err)
{
	return check_type(at, value, types, NULL, err);
}

int integer_read(const struct place *at, const json_t *value, const struct field *field,
		 uint64_t *ret, struct error *err)
{
	int64_t number = json_integer_value(value);
	int r;

	if (number >= field->min && number <= field->max) {
		*ret = number;
		return 0;
	}
	r = place_refuse(at, err, EINVAL, "%" PRId64 " is out of range: %" PRId64 " to %" PRId64,
			 number, field->min, field->max);
	if (field->hint)
		err_hint(err, "%s", field->hint);
	return r;
}

int string_read(const struct place *at, const json_t *value, const char **ret, struct error *err)
{
	const char *text = json_string_value(value);

	if (strlen(text) != json_string_length(value))
		return place_refuse(at, err, EINVAL, "contains a NUL character (\\u0000)");
	*ret = text;
	return 0;
}

static int field_read(const struct place *at, json_t *value, const struct field *field, void *to,
		      struct error *err)
{
	int ret;

	ret = check_type(at, value, field->types, field->hint, err);
	if (ret)
		return ret;
	if (field->shape)
		return object_read(at, value, field->shape, to, err);
	if (field->read)
		return field->read(at, value, to, err);
	return integer_read(at, value, field, (uint64_t *)((char *)to + field->offset), err);
}

int object_read(const struct place *at, json_t *object, const struct shape *shape, void *to,
		struct error *err)
{
	const struct field *field;
	int ret;

	ret = check_keys(at, object, shape, err);
	for (field = shape->fields; !ret && field->name; field++) {
		struct place here = PLACE_KEY(at, field->name);
		json_t *value = json_object_get(object, field->name);

		if (value)
			ret = field_read(&here, value, field, to, err);
		else if (field->required)
			ret = place_refuse(&here, err, EINVAL, "is missing");
	}
	return ret;
}
