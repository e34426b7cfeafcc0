// Products of a matrix of 128 rows with one of 64 columns: 8 × 4 for each of 256 invocations, eight terms at a time.
//
// Invocation t has the rows 4(t / 16) + 0..4 and 64 + 4(t / 16) + 0..4, and the columns 4(t mod 16) + 0..4.

const SLAB = 8u;             // terms that are in shared memory at a time
const STRIDE = 33u;          // one more than the 32 fours of rows, so that eight neighbours write to different banks
const WIDTH = 16u;           // fours of columns

var<workgroup> slab_left: array<vec4f, 264>;    // term s of rows 4r..4r + 4 at 33 s + r
var<workgroup> slab_right: array<vec4f, 128>;   // term s of columns 4c..4c + 4 at 16 s + c

// a0..a7: the rows of the invocation.
struct Sums {
    a0: vec4f, a1: vec4f, a2: vec4f, a3: vec4f, a4: vec4f, a5: vec4f, a6: vec4f, a7: vec4f,
}

// `sums` and the eight terms in shared memory.
fn with_slab(sums: Sums, t: u32) -> Sums {
    var all = sums;
    for (var s = 0u; s < SLAB; s++) {
        let p = slab_left[s * STRIDE + t / 16u];
        let q = slab_left[s * STRIDE + 16u + t / 16u];
        let u = slab_right[s * WIDTH + t % 16u];
        all.a0 += p.x * u;
        all.a1 += p.y * u;
        all.a2 += p.z * u;
        all.a3 += p.w * u;
        all.a4 += q.x * u;
        all.a5 += q.y * u;
        all.a6 += q.z * u;
        all.a7 += q.w * u;
    }
    return all;
}

fn no_sums() -> Sums {
    let none = vec4f(0);
    return Sums(none, none, none, none, none, none, none, none);
}
