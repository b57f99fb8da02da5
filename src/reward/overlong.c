// Soft overlong penalty. See overlong.h.
#include "reward/overlong.h"

double overlong_penalty(size_t length, size_t max_length, size_t buffer_length, double factor) {
    if (buffer_length == 0) return 0;
    double expected = (double)max_length - (double)buffer_length, exceeded = (double)length - expected;
    return exceeded > 0 ? -exceeded / (double)buffer_length * factor : 0;
}
