//! From the vectors of a text's tokens to the vector of the text.

use crate::model::{ModelError, Pooling, Recipe, Step, Weights};

use super::matmul::Linear;

/// What follows the encoder.
pub(super) struct Head {
    pooling: Vec<Pooling>,
    steps: Vec<Loaded>,
    /// Components of a token's vector.
    hidden: usize,
    /// Components of a text's vector.
    dim: usize,
}

enum Loaded {
    Dense { linear: Linear, tanh: bool },
    Normalise,
}

impl Head {
    /// Loads the steps of `recipe` for an encoder of `hidden` components.
    pub(super) fn load(recipe: &Recipe, hidden: usize) -> Result<Self, ModelError> {
        let mut dim = hidden * recipe.pooling.len();
        let mut steps = Vec::new();
        for step in &recipe.steps {
            steps.push(match step {
                Step::Normalise => Loaded::Normalise,
                Step::Dense { inputs, outputs, .. } if *inputs != dim || *outputs == 0 => {
                    let cause = format!("a dense step takes {inputs} components where {dim} come in");
                    return Err(recipe.config_error(cause));
                }
                Step::Dense { folder, inputs, outputs, bias, tanh } => {
                    let weights = Weights::open(folder)?;
                    let matrix = weights.values("linear.weight", &[*outputs, *inputs])?;
                    let bias =
                        if *bias { weights.values("linear.bias", &[*outputs])? } else { vec![0.0; *outputs] };
                    dim = *outputs;
                    Loaded::Dense { linear: Linear::new(*inputs, &matrix, &bias), tanh: *tanh }
                }
            });
        }
        Ok(Self { pooling: recipe.pooling.clone(), steps, hidden, dim })
    }

    /// Components of a text's vector.
    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    /// Whether its vectors have length one.
    pub(super) fn unit(&self) -> bool {
        matches!(self.steps.last(), Some(Loaded::Normalise))
    }

    /// The vector of a text from its tokens' `states`, tokens × hidden, of which there is at least one.
    pub(super) fn apply(&self, states: &[f32]) -> Vec<f32> {
        let mut vector: Vec<f32> =
            self.pooling.iter().flat_map(|&pooling| pool(pooling, states, self.hidden)).collect();
        for step in &self.steps {
            match step {
                Loaded::Normalise => normalise(&mut vector),
                Loaded::Dense { linear, tanh } => {
                    let mut out = vec![0.0; linear.outputs()];
                    linear.apply(&vector, &mut out);
                    if *tanh {
                        out.iter_mut().for_each(|x| *x = x.tanh());
                    }
                    vector = out;
                }
            }
        }
        vector
    }
}

fn pool(pooling: Pooling, states: &[f32], hidden: usize) -> Vec<f32> {
    let tokens = states.len() / hidden;
    let rows = states.chunks_exact(hidden);
    let sum = |weight: &dyn Fn(usize) -> f32| {
        let mut sum = vec![0.0; hidden];
        for (i, row) in rows.clone().enumerate() {
            let w = weight(i);
            sum.iter_mut().zip(row).for_each(|(s, x)| *s += w * x);
        }
        sum
    };
    let over = |mut sum: Vec<f32>, total: f32| {
        sum.iter_mut().for_each(|s| *s /= total);
        sum
    };
    match pooling {
        Pooling::Cls => states[..hidden].to_vec(),
        Pooling::Last => states[states.len() - hidden..].to_vec(),
        Pooling::Mean => over(sum(&|_| 1.0), tokens as f32),
        Pooling::MeanSqrt => over(sum(&|_| 1.0), (tokens as f32).sqrt()),
        Pooling::WeightedMean => over(sum(&|i| (i + 1) as f32), (tokens * (tokens + 1)) as f32 / 2.0),
        Pooling::Max => {
            let mut most = vec![f32::NEG_INFINITY; hidden];
            for row in rows {
                most.iter_mut().zip(row).for_each(|(m, x)| *m = m.max(*x));
            }
            most
        }
    }
}

/// Scales a vector to length one; zero stays zero.
pub(super) fn normalise(vector: &mut [f32]) {
    let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    if square > 0.0 {
        let inverse = (1.0 / square.sqrt()) as f32;
        vector.iter_mut().for_each(|x| *x *= inverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pooling_follows_its_definition() {
        let states = [1.0, 6.0, 3.0, -2.0, 5.0, 2.0];
        let pooled = |pooling| pool(pooling, &states, 2);
        assert_eq!(pooled(Pooling::Cls), [1.0, 6.0]);
        assert_eq!(pooled(Pooling::Last), [5.0, 2.0]);
        assert_eq!(pooled(Pooling::Mean), [3.0, 2.0]);
        assert_eq!(pooled(Pooling::Max), [5.0, 6.0]);
        assert_eq!(pooled(Pooling::MeanSqrt), [9.0 / 3f32.sqrt(), 6.0 / 3f32.sqrt()]);
        assert_eq!(pooled(Pooling::WeightedMean), [22.0 / 6.0, 8.0 / 6.0]);
    }

    #[test]
    fn a_vector_of_zeros_stays_what_it_is() {
        let mut zero = [0.0; 3];
        normalise(&mut zero);
        assert_eq!(zero, [0.0; 3]);
        let mut tiny = [3e-30, 4e-30];
        normalise(&mut tiny);
        assert!((tiny[0] - 0.6).abs() < 1e-6 && (tiny[1] - 0.8).abs() < 1e-6);
    }
}
