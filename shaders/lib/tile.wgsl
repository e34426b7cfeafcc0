// A tile of 128 rows against another: what 256 invocations hold of it, 8 × 8 each.
//
// Invocation t has the rows 4(t / 16) + 0..4 and 64 + 4(t / 16) + 0..4 of the left tile, and of the right tile likewise by
// t mod 16.

const TILE = 128u;
const SLAB = 8u;             // components (or words of codes) that are in shared memory at a time

// Row a0..a7: with the invocation's first four columns; b0..b7: with the other four.
struct Products {
    a0: vec4f, a1: vec4f, a2: vec4f, a3: vec4f, a4: vec4f, a5: vec4f, a6: vec4f, a7: vec4f,
    b0: vec4f, b1: vec4f, b2: vec4f, b3: vec4f, b4: vec4f, b5: vec4f, b6: vec4f, b7: vec4f,
}
