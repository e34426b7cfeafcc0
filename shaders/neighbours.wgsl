// use lib/best.wgsl
// The nearest rows by cosine: all pairs of unit vectors of two pages.
//
// Rows lie in tiles of 128: component c of the tile's rows 4r..4r + 4 is at (tile × depth + c) × 32 + r. Each invocation has 8 × 8
// products in registers. The twin is `math/exact.rs`.

@group(0) @binding(3) var<storage, read> left: array<vec4f>;
@group(0) @binding(4) var<storage, read> right: array<vec4f>;

var<workgroup> slab_left: array<vec4f, 256>;
var<workgroup> slab_right: array<vec4f, 256>;

@compute @workgroup_size(256)
fn compare(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let tile = span.tile + group_number(group, groups);
    if (tile * TILE >= span.rows) {
        return;
    }
    let ty = t / 16u;
    let tx = t % 16u;
    rows_there = span.rows;
    columns_there = span.columns;
    fetch_floors(tile, t);
    for (var other = span.begin; other < span.end; other++) {
        var a0 = vec4f(0); var b0 = vec4f(0);
        var a1 = vec4f(0); var b1 = vec4f(0);
        var a2 = vec4f(0); var b2 = vec4f(0);
        var a3 = vec4f(0); var b3 = vec4f(0);
        var a4 = vec4f(0); var b4 = vec4f(0);
        var a5 = vec4f(0); var b5 = vec4f(0);
        var a6 = vec4f(0); var b6 = vec4f(0);
        var a7 = vec4f(0); var b7 = vec4f(0);
        for (var c = 0u; c < span.depth; c += SLAB) {
            workgroupBarrier();
            slab_left[t] = left[(tile * span.depth + c) * 32u + t];
            slab_right[t] = right[(other * span.depth + c) * 32u + t];
            workgroupBarrier();
            for (var s = 0u; s < SLAB; s++) {
                let p = slab_left[s * 32u + ty];
                let q = slab_left[s * 32u + 16u + ty];
                let u = slab_right[s * 32u + tx];
                let v = slab_right[s * 32u + 16u + tx];
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

        // Products that reach their row's floor; the queue holds them all, or they go in 32 parts of at most 512.
        let found = reaching(4u * ty + 0u, a0) + reaching(4u * ty + 0u, b0)
            + reaching(4u * ty + 1u, a1) + reaching(4u * ty + 1u, b1)
            + reaching(4u * ty + 2u, a2) + reaching(4u * ty + 2u, b2)
            + reaching(4u * ty + 3u, a3) + reaching(4u * ty + 3u, b3)
            + reaching(64u + 4u * ty + 0u, a4) + reaching(64u + 4u * ty + 0u, b4)
            + reaching(64u + 4u * ty + 1u, a5) + reaching(64u + 4u * ty + 1u, b5)
            + reaching(64u + 4u * ty + 2u, a6) + reaching(64u + 4u * ty + 2u, b6)
            + reaching(64u + 4u * ty + 3u, a7) + reaching(64u + 4u * ty + 3u, b7);
        if (found > 0u) {
            atomicAdd(&worthy, found);
        }
        workgroupBarrier();
        let all_found = atomicLoad(&worthy);
        if (all_found > 0u) {
            let parts = select(32u, 1u, all_found <= QUEUE);
            for (var part = 0u; part < parts; part++) {
                if (parts == 1u || part == 2u * tx) {
                    queue_four(4u * ty + 0u, 4u * tx, tile, other, a0);
                    queue_four(4u * ty + 1u, 4u * tx, tile, other, a1);
                    queue_four(4u * ty + 2u, 4u * tx, tile, other, a2);
                    queue_four(4u * ty + 3u, 4u * tx, tile, other, a3);
                    queue_four(64u + 4u * ty + 0u, 4u * tx, tile, other, a4);
                    queue_four(64u + 4u * ty + 1u, 4u * tx, tile, other, a5);
                    queue_four(64u + 4u * ty + 2u, 4u * tx, tile, other, a6);
                    queue_four(64u + 4u * ty + 3u, 4u * tx, tile, other, a7);
                }
                if (parts == 1u || part == 2u * tx + 1u) {
                    queue_four(4u * ty + 0u, 64u + 4u * tx, tile, other, b0);
                    queue_four(4u * ty + 1u, 64u + 4u * tx, tile, other, b1);
                    queue_four(4u * ty + 2u, 64u + 4u * tx, tile, other, b2);
                    queue_four(4u * ty + 3u, 64u + 4u * tx, tile, other, b3);
                    queue_four(64u + 4u * ty + 0u, 64u + 4u * tx, tile, other, b4);
                    queue_four(64u + 4u * ty + 1u, 64u + 4u * tx, tile, other, b5);
                    queue_four(64u + 4u * ty + 2u, 64u + 4u * tx, tile, other, b6);
                    queue_four(64u + 4u * ty + 3u, 64u + 4u * tx, tile, other, b7);
                }
                workgroupBarrier();
                keep_queued(tile, other, t);
                workgroupBarrier();
                if (t == 0u) {
                    atomicStore(&queued, 0u);
                }
                workgroupBarrier();
            }
        }
        if (t == 0u) {
            atomicStore(&worthy, 0u);
        }
    }
}
