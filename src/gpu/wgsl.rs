//! Shaders, put together from the files in `shaders/`.
//!
//! A line `// use lib/name.wgsl` at the top of a shader stands for that piece, which may use others; each comes once.

/// Every file in `shaders/`, by its path there.
const FILES: &[(&str, &str)] = &[
    ("blit.wgsl", include_str!("../../shaders/blit.wgsl")),
    ("lib/covering.wgsl", include_str!("../../shaders/lib/covering.wgsl")),
    ("lib/marks.wgsl", include_str!("../../shaders/lib/marks.wgsl")),
    ("lib/window.wgsl", include_str!("../../shaders/lib/window.wgsl")),
    ("lib/groups.wgsl", include_str!("../../shaders/lib/groups.wgsl")),
    ("lib/best.wgsl", include_str!("../../shaders/lib/best.wgsl")),
    ("lib/tile.wgsl", include_str!("../../shaders/lib/tile.wgsl")),
    ("lib/random.wgsl", include_str!("../../shaders/lib/random.wgsl")),
    ("lib/bspline.wgsl", include_str!("../../shaders/lib/bspline.wgsl")),
    ("lib/sums.wgsl", include_str!("../../shaders/lib/sums.wgsl")),
    ("cells_gather.wgsl", include_str!("../../shaders/cells_gather.wgsl")),
    ("sweep.wgsl", include_str!("../../shaders/sweep.wgsl")),
    ("ceiling.wgsl", include_str!("../../shaders/ceiling.wgsl")),
    ("density.wgsl", include_str!("../../shaders/density.wgsl")),
    ("fourier.wgsl", include_str!("../../shaders/fourier.wgsl")),
    ("lib/narrow.wgsl", include_str!("../../shaders/lib/narrow.wgsl")),
    ("lib/product.wgsl", include_str!("../../shaders/lib/product.wgsl")),
    ("lib/thresholds.wgsl", include_str!("../../shaders/lib/thresholds.wgsl")),
    ("kmeans_assign.wgsl", include_str!("../../shaders/kmeans_assign.wgsl")),
    ("kmeans_sort.wgsl", include_str!("../../shaders/kmeans_sort.wgsl")),
    ("kmeans_sum.wgsl", include_str!("../../shaders/kmeans_sum.wgsl")),
    ("lasso.wgsl", include_str!("../../shaders/lasso.wgsl")),
    ("map_neighbours.wgsl", include_str!("../../shaders/map_neighbours.wgsl")),
    ("neighbours.wgsl", include_str!("../../shaders/neighbours.wgsl")),
    ("neighbours_coded.wgsl", include_str!("../../shaders/neighbours_coded.wgsl")),
    ("pca_gather.wgsl", include_str!("../../shaders/pca_gather.wgsl")),
    ("pca_project.wgsl", include_str!("../../shaders/pca_project.wgsl")),
    ("points.wgsl", include_str!("../../shaders/points.wgsl")),
    ("quality_map.wgsl", include_str!("../../shaders/quality_map.wgsl")),
    ("quality_space.wgsl", include_str!("../../shaders/quality_space.wgsl")),
    ("tsne_field.wgsl", include_str!("../../shaders/tsne_field.wgsl")),
    ("tsne_move.wgsl", include_str!("../../shaders/tsne_move.wgsl")),
    ("umap.wgsl", include_str!("../../shaders/umap.wgsl")),
    ("splat.wgsl", include_str!("../../shaders/splat.wgsl")),
    ("splat_resolve.wgsl", include_str!("../../shaders/splat_resolve.wgsl")),
];

const USE: &str = "// use ";

/// The WGSL of `shaders/{shader}.wgsl` with all it uses before it. A shader that is not there is empty, which no pipeline takes.
pub fn source(shader: &str) -> String {
    let mut whole = String::new();
    let mut there = Vec::new();
    add(&format!("{shader}.wgsl"), &mut there, &mut whole);
    whole
}

/// The paths of all files in `shaders/` that are known here.
pub fn files() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(path, _)| *path)
}

fn add(path: &str, there: &mut Vec<String>, whole: &mut String) {
    if there.iter().any(|known| known == path) {
        return;
    }
    there.push(path.to_owned());
    let text = FILES.iter().find(|(known, _)| *known == path).map_or("", |(_, text)| text);
    for piece in text.lines().filter_map(|line| line.strip_prefix(USE)) {
        add(piece.trim(), there, whole);
    }
    whole.push_str(text);
    whole.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_before_what_uses_them_and_once() {
        let whole = source("neighbours");
        let piece = "fn group_number";
        assert_eq!(whole.matches(piece).count(), 1);
        assert!(whole.find(piece) < whole.find("@compute"));
    }

    #[test]
    fn every_piece_that_is_used_is_there() {
        for (path, text) in FILES {
            for piece in text.lines().filter_map(|line| line.strip_prefix(USE)) {
                assert!(FILES.iter().any(|(known, _)| *known == piece.trim()), "{path} uses {piece}");
            }
        }
    }
}
