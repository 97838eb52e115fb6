// What products share: their shape, and where their results go.

#include "activations.cl"

#define NORM_NONE 0
#define NORM_LAYER 1
#define NORM_ROOT_MEAN_SQUARE 2

// The same fields in the same order as ProductShape. "width" is that of the result: half the product's where the activation is gated.
typedef struct
{
    int rows, depth, width, row_block, panels, panel_block;
    int activation, prologue, epilogue, middle, middle_panels, middle_activation;
    float prologue_epsilon, epilogue_epsilon;
} product_shape;
