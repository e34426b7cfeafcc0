// The corners of one triangle that covers the target: 0 to 2 across it, from the top left.
fn covering(vertex: u32) -> vec2f {
    return vec2f(f32(vertex & 1u), f32(vertex >> 1u)) * 2.0;
}

// Clip space of such a place.
fn clip_from_place(place: vec2f) -> vec4f {
    return vec4f(place * vec2f(2.0, -2.0) + vec2f(-1.0, 1.0), 0.0, 1.0);
}
