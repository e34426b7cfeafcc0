// The pixels around the pointer, of which one asks which point they show.

struct Window {
    // The pixel of the picture, or the cell of the grid, at its top left.
    corner: vec2i,
    // What the first point of the buffers is called: one more than its slot, for 0 is no point.
    first: u32,
    padding: u32,
}

// Pixels a side.
const WINDOW_SIDE: i32 = 64;
