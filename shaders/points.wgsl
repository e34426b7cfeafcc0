// Antialiased discs, one instance a point, in two layers: all points, then the chosen ones above them.
// The CPU twin is `view::disc` with `view::raster`: change them together.
// use lib/marks.wgsl
// use lib/window.wgsl

struct View {
    // World position in the middle of the view.
    centre: vec2f,
    // Pixels of the view.
    size: vec2f,
    // Pixels a world unit.
    scale: f32,
    // Radius of a plain point in pixels.
    radius: f32,
    // Opacity of a plain point; greater while few stand for many.
    opacity: f32,
    // Pixels a view point.
    density: f32,
    // What points outside the selection are painted with: gamma-encoded grey and its opacity.
    dimmed: vec4f,
    // The ring around chosen points: gamma-encoded colour and its opacity.
    ring: vec4f,
    // 1 when some points are chosen and the others step back.
    any_chosen: u32,
    padding: u32,
    more_padding: vec2u,
}

@group(0) @binding(0) var<uniform> view: View;
@group(1) @binding(0) var<uniform> window: Window;

struct Instance {
    @location(0) position: vec2f,
    @location(1) mark: u32,
}

struct Disc {
    @builtin(position) position: vec4f,
    // Pixels from the centre.
    @location(0) offset: vec2f,
    // Not premultiplied.
    @location(1) @interpolate(flat) fill: vec4f,
    @location(2) @interpolate(flat) ring: vec4f,
    // Radius of the disc, then inner and outer radius of the ring, in pixels.
    @location(3) @interpolate(flat) radii: vec3f,
    // Which of the points in the buffers.
    @location(4) @interpolate(flat) number: u32,
}

const CHOSEN_GROWTH: f32 = 0.75;
const CHOSEN_RADIUS: f32 = 2.25;
const CHOSEN_RING: f32 = 1.5;
const STACK_GROWTH: f32 = 0.3;
const STACK_GAP: f32 = 1.0;
const STACK_RING: f32 = 1.0;
const STACK_VISIBLE: vec2f = vec2f(1.2, 2.4);
// Half the diagonal of a pixel, and a little more: the smallest disc still has the pixel of its centre.
const LEAST_EDGE: f32 = 0.7072;

@vertex
fn vs_main(
    @builtin(vertex_index) vertex: u32,
    @builtin(instance_index) number: u32,
    instance: Instance,
) -> Disc {
    // Vertices 0 to 3 draw the first layer, 4 to 7 the second.
    let chosen_layer = vertex >= 4u;
    let corner = vec2f(f32(vertex & 1u), f32((vertex >> 1u) & 1u)) * 2.0 - 1.0;
    let flags = flags_of(instance.mark);
    let chosen = is_chosen(flags);

    var disc: Disc;
    disc.number = number;
    if (flags & HIDDEN) != 0u || chosen != chosen_layer {
        // Behind the far plane: clipped.
        disc.position = vec4f(0.0, 0.0, 2.0, 1.0);
        return disc;
    }

    let colour = vec3f(colour_of(instance.mark)) / 255.0;
    let stack = f32(flags >> STACK_SHIFT);

    var radius = view.radius * (1.0 + STACK_GROWTH * stack);
    var fill = vec4f(colour, view.opacity);
    var ring = vec4f(0.0);
    var inner = 0.0;
    var outer = 0.0;
    if chosen {
        radius = max(radius + CHOSEN_GROWTH * view.density, CHOSEN_RADIUS * view.density);
        fill = vec4f(colour, 1.0);
        ring = view.ring;
        inner = radius;
        outer = radius + CHOSEN_RING * view.density;
    } else {
        if view.any_chosen != 0u || (flags & DIMMED) != 0u {
            fill = view.dimmed;
        }
        if stack > 0.0 {
            let visible = smoothstep(STACK_VISIBLE.x, STACK_VISIBLE.y, view.radius / view.density);
            ring = vec4f(fill.rgb, fill.a * visible);
            inner = radius + STACK_GAP * view.density;
            outer = inner + STACK_RING * view.density;
        }
    }

    disc.radii = vec3f(radius, inner, outer);
    disc.fill = fill;
    disc.ring = ring;
    // One pixel more, for the soft edge.
    disc.offset = corner * (max(radius, outer) + 1.0);
    let centre = (instance.position - view.centre) * view.scale * vec2f(1.0, -1.0);
    let pixel = centre + disc.offset;
    disc.position = vec4f(pixel * vec2f(2.0, -2.0) / view.size, 0.0, 1.0);
    return disc;
}

// Premultiplied, gamma-encoded.
@fragment
fn fs_main(disc: Disc) -> @location(0) vec4f {
    let distance = length(disc.offset);
    let inside = clamp(disc.radii.x - distance + 0.5, 0.0, 1.0);
    let from_ring = clamp(distance - disc.radii.y + 0.5, 0.0, 1.0);
    let to_ring = clamp(disc.radii.z - distance + 0.5, 0.0, 1.0);
    let fill = disc.fill.a * inside;
    let ring = disc.ring.a * min(from_ring, to_ring) * (1.0 - inside);
    let alpha = fill + ring;
    if alpha <= 0.0 {
        discard;
    }
    return vec4f(disc.fill.rgb * fill + disc.ring.rgb * ring, alpha);
}

// What a pixel is noted to show: the point whose disc is drawn last of those whose edge lies beyond its middle. The gap
// within the ring of a stack belongs to the stack.
@fragment
fn fs_note(disc: Disc) -> @location(0) u32 {
    let edge = select(disc.radii.x, disc.radii.z, disc.ring.a > 0.0);
    if length(disc.offset) > max(edge, LEAST_EDGE) {
        discard;
    }
    return window.first + disc.number;
}
