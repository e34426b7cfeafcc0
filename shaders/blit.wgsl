// Lays a picture over the map's part of the window.
// use lib/covering.wgsl

struct Target {
    // 1 when the window's texture decodes sRGB itself and wants linear light.
    linear: u32,
}

@group(0) @binding(0) var picture: texture_2d<f32>;
@group(0) @binding(1) var<uniform> into: Target;

struct Corner {
    @builtin(position) position: vec4f,
    // 0 to 1 across the picture, from the top left.
    @location(0) place: vec2f,
}

@vertex
fn vs_main(@builtin(vertex_index) vertex: u32) -> Corner {
    let place = covering(vertex);
    return Corner(clip_from_place(place), place);
}

fn linear_from_gamma(colour: vec3f) -> vec3f {
    let low = colour / 12.92;
    let high = pow((colour + 0.055) / 1.055, vec3f(2.4));
    return select(high, low, colour <= vec3f(0.04045));
}

@fragment
fn fs_main(corner: Corner) -> @location(0) vec4f {
    let size = textureDimensions(picture);
    let pixel = min(vec2u(corner.place * vec2f(size)), size - 1u);
    let colour = textureLoad(picture, pixel, 0);
    if into.linear == 0u || colour.a <= 0.0 {
        return colour;
    }
    return vec4f(linear_from_gamma(colour.rgb / colour.a) * colour.a, colour.a);
}
