// cmocka with what it needs before it, and the assertion that a function of dsdr succeeds.
#ifndef TESTS_ASSERT_OK_H
#define TESTS_ASSERT_OK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"

#define assert_ok(expression)                                                                                                    \
    do {                                                                                                                         \
        status code_ = (expression);                                                                                             \
        if (code_ != STATUS_OK) fail_msg("%s: %s", #expression, status_message());                                               \
    } while (0)

#endif
