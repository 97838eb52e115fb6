// A work-group's way along the tiles that its item lists: keys and values of the next tiles are on their way into local memory while one is computed.
//
// Parameters: those of attention_blockwise_matrix.cl.

typedef struct
{
    const global element *k_rows, *v_rows;
    const global int *columns;
    int next, next_column, last, stage;
} tile_walk;

// Asks for count rows by one of so many work-items; those beyond the tensor's end, and chunks beyond a row's, become zeros.
void ask_rows(
    tile_pointer tile, const global element *rows, long stride, int first, int limit, const int count, const int size, const int chunks, const uint me,
    const int sharers)
{
    const int at_once = sharers / chunks;
    if (sharers % chunks == 0)
    {
        const int my_row = me / (uint)chunks, chunk = me % (uint)chunks;
        const global element *from = rows + (first + my_row) * stride + 8 * chunk;
        const tile_pointer to = chunks_on(tile, place(my_row, chunk, chunks));
        UNROLL
        for (int start = 0; start < count; start += at_once)
        {
            const int row = start + my_row;
            if (count % at_once == 0 || row < count)
            {
                copy_chunk(chunks_on(to, start * PITCH(chunks)), (const global uint4 *)from, first + row < limit && 8 * chunk < size);
            }

            from += at_once * stride;
        }
    }
    else
    {
        UNROLL
        for (int start = 0; start < count * chunks; start += sharers)
        {
            const int row = (start + me) / (uint)chunks, chunk = (start + me) % (uint)chunks;
            if (count * chunks % sharers == 0 || row < count)
            {
                const global element *from = rows + (first + row) * stride + 8 * chunk;
                copy_chunk(chunks_on(tile, place(row, chunk, chunks)), (const global uint4 *)from, first + row < limit && 8 * chunk < size);
            }
        }
    }
}

#if IS_EMULATED && KEY_GROUPS > 1
#define IS_ASKED(is_there) 1 // all groups go together, and a tile that there is not is zeros
#else
#define IS_ASKED(is_there) (is_there)
#endif

// Asks for the group's next listed tile, if there is one, and for the column of the one after it; a group of copies either way.
void ask_next(tile_walk *walk, tile_pointer ring, const attention_shape *shape)
{
    const int is_there = walk->next <= walk->last;
    if (IS_ASKED(is_there))
    {
        const tile_pointer tile = chunks_on(ring, walk->stage * STAGE);
        const int first = walk->next_column * TILE_K, limit = is_there ? shape->keys : 0;
        const uint me = get_local_id(0) % (uint)GROUP_ITEMS;
        ask_rows(tile, walk->k_rows, shape->k_row, first, limit, TILE_K, HEAD_SIZE, K_CHUNKS, me, GROUP_ITEMS);
        ask_rows(chunks_on(tile, K_TILE), walk->v_rows, shape->v_row, first, limit, TILE_K, VALUE_SIZE, V_CHUNKS, me, GROUP_ITEMS);
    }

    commit_copies();
    walk->stage = walk->stage + 1 == STAGES ? 0 : walk->stage + 1;
    walk->next += KEY_GROUPS;
    walk->next_column = walk->columns[min(walk->next, max(walk->last, 0))];
}
