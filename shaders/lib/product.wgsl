// use lib/tile.wgsl
// The products of 128 rows of one matrix with 128 rows of another, both stored row by row. Rows of a tile that are not there are
// read as whatever lies there, or as zeros: who uses the products leaves them out.

const STRIDE = 33u;          // one more than the 32 fours of rows, so that eight neighbours write to different banks

@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;

var<workgroup> slab_left: array<vec4f, 264>;    // component s of rows 4r..4r + 4 at 33 s + r
var<workgroup> slab_right: array<vec4f, 264>;

// Tile `tile` of `left` with tile `other` of `right`, rows of `depth` components, a multiple of SLAB.
fn products(tile: u32, other: u32, depth: u32, t: u32) -> Products {
    var a0 = vec4f(0); var b0 = vec4f(0);
    var a1 = vec4f(0); var b1 = vec4f(0);
    var a2 = vec4f(0); var b2 = vec4f(0);
    var a3 = vec4f(0); var b3 = vec4f(0);
    var a4 = vec4f(0); var b4 = vec4f(0);
    var a5 = vec4f(0); var b5 = vec4f(0);
    var a6 = vec4f(0); var b6 = vec4f(0);
    var a7 = vec4f(0); var b7 = vec4f(0);
    let ty = t / 16u;
    let tx = t % 16u;
    let s_own = t % SLAB;
    let r_own = t / SLAB;
    let from_left = (tile * TILE + 4u * r_own) * depth + s_own;
    let from_right = (other * TILE + 4u * r_own) * depth + s_own;
    for (var c = 0u; c < depth; c += SLAB) {
        workgroupBarrier();
        let l = from_left + c;
        slab_left[s_own * STRIDE + r_own] =
            vec4f(left[l], left[l + depth], left[l + 2u * depth], left[l + 3u * depth]);
        let r = from_right + c;
        slab_right[s_own * STRIDE + r_own] =
            vec4f(right[r], right[r + depth], right[r + 2u * depth], right[r + 3u * depth]);
        workgroupBarrier();
        for (var s = 0u; s < SLAB; s++) {
            let p = slab_left[s * STRIDE + ty];
            let q = slab_left[s * STRIDE + 16u + ty];
            let u = slab_right[s * STRIDE + tx];
            let v = slab_right[s * STRIDE + 16u + tx];
            a0 += p.x * u; b0 += p.x * v;
            a1 += p.y * u; b1 += p.y * v;
            a2 += p.z * u; b2 += p.z * v;
            a3 += p.w * u; b3 += p.w * v;
            a4 += q.x * u; b4 += q.x * v;
            a5 += q.y * u; b5 += q.y * v;
            a6 += q.z * u; b6 += q.z * v;
            a7 += q.w * u; b7 += q.w * v;
        }
    }
    return Products(a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7);
}
