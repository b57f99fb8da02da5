// Assertions about functions of dsdr.h: they succeed, or they refuse with a status and words.
#ifndef TESTS_API_ASSERT_H
#define TESTS_API_ASSERT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dsdr.h"

#define ASSERT_OK(expression)                                                                                                    \
    do {                                                                                                                         \
        dsdr_status code_ = (expression);                                                                                        \
        if (code_ != DSDR_OK) fail_msg("%s: %s", #expression, dsdr_message());                                                   \
    } while (0)
#define ASSERT_REFUSED(expression, code, words)                                                                                  \
    do {                                                                                                                         \
        assert_int_equal(expression, code);                                                                                      \
        if (!strstr(dsdr_message(), words)) fail_msg("\"%s\" does not say \"%s\"", dsdr_message(), words);                       \
    } while (0)

#endif
