/* The structs of the header are laid out as Rust lays them out.
 *
 * Compiled only, as C11 and as C++17: it asserts all and runs nothing. */
#include "spikard.h"

#include "layout.h"

#ifdef __cplusplus
#define HOLDS(what, why) static_assert(what, why);
#else
#define HOLDS(what, why) _Static_assert(what, why);
#endif

#define SIZE(type, size) HOLDS(sizeof(type) == (size), #type)
#define FIELD(type, field, offset, size) \
    HOLDS(offsetof(type, field) == (offset), #type "." #field) \
    HOLDS(sizeof(((type *)0)->field) == (size), #type "." #field)

LAYOUT(SIZE, FIELD)

HOLDS(sizeof(void *) == 8, "the table is that of 64-bit platforms")
HOLDS(SPK_OK == 0 && SPK_STALE_VERSION == 19, "status numbers never move")
HOLDS(SPK_NO_DEADLINE == UINT64_MAX, "no deadline is the latest one")
HOLDS(SPK_ABI_VERSION == 1, "a new version needs its own table")
