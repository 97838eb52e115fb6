// Sums and maxima over a work-group of GROUP work-items, in an order that does not change: by a tree in local memory, or where there are sub-groups, within
// each of them in registers and then from sub-group to sub-group. "places" holds a float a work-item, and may still be read when a reduction begins.
//
// Parameters: GROUP, SUB_GROUPS (NONE, NATIVE, EMULATED: of eight work-items, in ordinary code).

#define ADD(a, b) ((a) + (b))

#if GROUP == 1

#define REDUCTION(name, combine, within) \
float name(float x, local float *places) { return x; }

#elif SUB_GROUPS == SUB_GROUPS_NONE

#define REDUCTION(name, combine, within) \
float name(float x, local float *places) \
{ \
    const int me = get_local_id(0); \
    barrier(CLK_LOCAL_MEM_FENCE); \
    places[me] = x; \
    for (int half_size = GROUP / 2; half_size > 0; half_size /= 2) \
    { \
        barrier(CLK_LOCAL_MEM_FENCE); \
        if (me < half_size) \
        { \
            places[me] = combine(places[me], places[me + half_size]); \
        } \
    } \
    barrier(CLK_LOCAL_MEM_FENCE); \
    return places[0]; \
}

#else

#if SUB_GROUPS == SUB_GROUPS_NATIVE

#define SUB_GROUP ((int)get_sub_group_id())
#define SUB_GROUP_COUNT ((int)get_num_sub_groups())
#define PLACE_IN_SUB_GROUP get_sub_group_local_id()
#define WITHIN(name, combine)

#else

#define SUB_GROUP_SIZE 8
#define SUB_GROUP ((int)get_local_id(0) / SUB_GROUP_SIZE)
#define SUB_GROUP_COUNT ((GROUP + SUB_GROUP_SIZE - 1) / SUB_GROUP_SIZE)
#define PLACE_IN_SUB_GROUP ((int)get_local_id(0) % SUB_GROUP_SIZE)
#define sub_group_reduce_add(x) emulated_add(x, places)
#define sub_group_reduce_max(x) emulated_max(x, places)
#define WITHIN(name, combine) \
float name(float x, local float *places) \
{ \
    barrier(CLK_LOCAL_MEM_FENCE); \
    places[get_local_id(0)] = x; \
    barrier(CLK_LOCAL_MEM_FENCE); \
    float result = places[SUB_GROUP * SUB_GROUP_SIZE]; \
    for (int i = SUB_GROUP * SUB_GROUP_SIZE + 1; i < min((SUB_GROUP + 1) * SUB_GROUP_SIZE, GROUP); i++) \
    { \
        result = combine(result, places[i]); \
    } \
    return result; \
}

#endif

WITHIN(emulated_add, ADD)
WITHIN(emulated_max, fmax)

#define REDUCTION(name, combine, within) \
float name(float x, local float *places) \
{ \
    const float part = within(x); \
    barrier(CLK_LOCAL_MEM_FENCE); \
    if (PLACE_IN_SUB_GROUP == 0) \
    { \
        places[SUB_GROUP] = part; \
    } \
    barrier(CLK_LOCAL_MEM_FENCE); \
    float result = places[0]; \
    for (int i = 1; i < SUB_GROUP_COUNT; i++) \
    { \
        result = combine(result, places[i]); \
    } \
    return result; \
}

#endif

REDUCTION(group_sum, ADD, sub_group_reduce_add)
REDUCTION(group_max, fmax, sub_group_reduce_max)
