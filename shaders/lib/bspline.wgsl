// Quintic B-splines on a grid of unit cells: how a point at `t` of the cell between the third and the fourth of six nodes
// shares in them. The twin is `math/bspline.rs`.
const ORDER = 6u;

fn spline_weights(t: f32) -> array<f32, 6> {
    return array<f32, 6>(
        (1.0 + t * (-5.0 + t * (10.0 + t * (-10.0 + t * (5.0 - t))))) / 120.0,
        (26.0 + t * (-50.0 + t * (20.0 + t * (20.0 + t * (-20.0 + t * 5.0))))) / 120.0,
        (66.0 + t * t * (-60.0 + t * t * (30.0 - t * 10.0))) / 120.0,
        (26.0 + t * (50.0 + t * (20.0 + t * (-20.0 + t * (-20.0 + t * 10.0))))) / 120.0,
        (1.0 + t * (5.0 + t * (10.0 + t * (10.0 + t * (5.0 - t * 5.0))))) / 120.0,
        t * t * t * t * t / 120.0,
    );
}

// Their derivatives by t.
fn spline_slopes(t: f32) -> array<f32, 6> {
    return array<f32, 6>(
        (-5.0 + t * (20.0 + t * (-30.0 + t * (20.0 - t * 5.0)))) / 120.0,
        (-50.0 + t * (40.0 + t * (60.0 + t * (-80.0 + t * 25.0)))) / 120.0,
        t * (-120.0 + t * t * (120.0 - t * 50.0)) / 120.0,
        (50.0 + t * (40.0 + t * (-60.0 + t * (-80.0 + t * 50.0)))) / 120.0,
        (5.0 + t * (20.0 + t * (30.0 + t * (20.0 - t * 25.0)))) / 120.0,
        t * t * t * t * 5.0 / 120.0,
    );
}
