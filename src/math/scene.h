// The variables of two expressions that are compared at points, and the points. For the files of math/ only.
#ifndef DSDR_MATH_SCENE_H
#define DSDR_MATH_SCENE_H

#include "math/judge.h"
#include "math/number.h"

#define VARIABLES_MAX 8
#define LANDMARKS_MAX 12

typedef struct scene {
    bindings given;             // variables, and parts that stand for one, with their values at the current point
    bool integer[BINDINGS_MAX]; // stands in a factorial, a binomial, a remainder or as the exponent of a negative number
    bool whole;                 // there is such a variable
    bool piecewise;             // absolute values, roots, floors, maxima: one formula here, another there
    bool pieces;                // absolute values, floors, maxima, remainders: nothing may stay open where they change
    bool jumps;                 // floors, ceilings: another value at one point than around it
    bool computed;              // some opaque part is a computation (a sum, an integral): its being different proves nothing
    bool crowded;               // more than VARIABLES_MAX variables
    bool has_pi, has_e;
    bool answer;                   // the answer is being read: it does not make whole numbers of the gold's variables
    uint32_t modulus, row;         // the least common multiple of the moduli; so many whole numbers in a row show all remainders
    bool many_remainders;          // more than are tried
    bool divisors;                 // \gcd, remainders: whole numbers with every way of sharing divisors
    bool unseen;                   // of a part that may matter not all is tried: these, or too many constants
    fmpq landmarks[LANDMARKS_MAX]; // sizes of the constants in pieces and remainders: there one formula may take over
    uint32_t landmark_count;
} scene;

// Reads both trees: parts that cannot be computed become variables, calls and sums with the same value the same one.
void scene_read(judge *j, scene *s, math_node *gold, math_node *answer);
void scene_clear(scene *s);

// The kinds of points, in the order in which they are numbered.
typedef enum point_kind {
    POINT_POSITIVE, // the first ones, all variables positive; the only ones at which roots and logarithms of anything are meant
    POINT_ANY,      // of any sign
    POINT_SINGLE,   // at jumps and landmarks: nothing may stay open there
    POINT_RESCUE,   // positive again, of other sizes: where the others hide a part
} point_kind;

uint32_t scene_points(const scene *s);
point_kind scene_kind(const scene *s, uint32_t k);
bool scene_all_whole(const scene *s);

// Sets the variables to those of point number k.
void scene_place(const judge *j, scene *s, uint32_t k);

#endif
