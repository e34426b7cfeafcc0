// Sums over the 256 invocations of a workgroup, in an order that never changes.
var<workgroup> lanes: array<vec4f, 256>;

// What all invocations gave, added up; every invocation of the workgroup has to call it.
fn sum_of_all(t: u32, value: vec4f) -> vec4f {
    lanes[t] = value;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if (t < half) {
            lanes[t] += lanes[t + half];
        }
        workgroupBarrier();
    }
    return lanes[0];
}
