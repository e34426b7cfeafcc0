// What a point is drawn with, in one word: red, green and blue in the lower bytes, flags in the highest.

const SELECTED: u32 = 1u;
const DIMMED: u32 = 2u;
const HIDDEN: u32 = 4u;
const FOCUS: u32 = 8u;
// Doublings of the number of points at one place.
const STACK_SHIFT: u32 = 4u;

fn flags_of(mark: u32) -> u32 {
    return mark >> 24u;
}

fn is_chosen(flags: u32) -> bool {
    return (flags & (SELECTED | FOCUS)) != 0u;
}

// Red, green and blue, 0 to 255 each, gamma-encoded.
fn colour_of(mark: u32) -> vec3u {
    return vec3u(mark, mark >> 8u, mark >> 16u) & vec3u(255u);
}
