// The number of a workgroup where more are wanted than one dimension holds.
fn group_number(group: vec3u, groups: vec3u) -> u32 {
    return group.y * groups.x + group.x;
}
