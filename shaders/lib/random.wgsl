// Random numbers without a state, in 32 bits: the same as on the processor.

// A hash (Wellons' lowbias32): `mix32` of math/umap.rs.
fn mix32(value: u32) -> u32 {
    var v = (value ^ (value >> 16u)) * 0x21F0AAADu;
    v = (v ^ (v >> 15u)) * 0xD35A2D97u;
    return v ^ (v >> 15u);
}

// The upper 32 bits of a × b: a number below b, where a is a hash.
fn below(a: u32, b: u32) -> u32 {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let left = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
    let right = (a & 0xffffu) * (b >> 16u) + (left & 0xffffu);
    return (a >> 16u) * (b >> 16u) + (left >> 16u) + (right >> 16u);
}
