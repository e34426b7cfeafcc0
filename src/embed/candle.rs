//! Candle's own models: for families that [`super::bert`] does not run, and for GPUs.

use candle_core::{DType, Tensor};
use candle_transformers::models::{bert, modernbert, nomic_bert, xlm_roberta};
use serde_json::Value;

use crate::model::{Device, Family, ModelError, Recipe, Weights};

/// Where a config does not say how many tokens there is room for.
const USUAL_POSITIONS: usize = 512;

/// A model that candle runs.
pub(super) struct Candle {
    model: Model,
    device: candle_core::Device,
    hidden: usize,
    max_tokens: usize,
    pad: u32,
}

enum Model {
    Bert(bert::BertModel),
    Roberta(xlm_roberta::XLMRobertaModel),
    NomicBert(nomic_bert::NomicBertModel),
    ModernBert(modernbert::ModernBert),
}

impl Candle {
    /// Whether candle has a model for this family that computes what its authors meant.
    ///
    /// Not DistilBERT, where candle takes the tanh form of GELU, and not MPNet, which it lacks.
    pub(super) fn runs(family: Family) -> bool {
        matches!(family, Family::Bert | Family::Roberta | Family::NomicBert | Family::ModernBert)
    }

    /// Loads the model of `recipe`, of a family that [`Candle::runs`], onto `device`.
    pub(super) fn load(recipe: &Recipe, weights: &Weights, device: Device) -> Result<Self, ModelError> {
        let device = device.open().map_err(|e| recipe.config_error(e))?;
        let failed =
            |e: candle_core::Error| recipe.config_error(e.to_string().lines().next().unwrap_or_default());
        let vars = weights.var_builder(&device)?;
        let pad = recipe.number("pad_token_id", Some(0))?;
        let mut max_tokens = recipe
            .number("max_position_embeddings", recipe.number("n_positions", Some(USUAL_POSITIONS)).ok())?;
        let model = match recipe.family {
            Family::Roberta => {
                max_tokens = max_tokens.saturating_sub(pad + 1);
                let config = with_defaults(
                    recipe,
                    &[("position_embedding_type", "absolute".into()), ("pad_token_id", pad.into())],
                )?;
                let vars = if weights.has("roberta.embeddings.word_embeddings.weight") {
                    vars.pp("roberta")
                } else {
                    vars
                };
                Model::Roberta(xlm_roberta::XLMRobertaModel::new(&config, vars).map_err(failed)?)
            }
            Family::NomicBert => {
                // Candle knows the names of the first config; newer ones use those of BERT.
                let now = &recipe.config;
                let config = with_defaults(
                    recipe,
                    &[
                        ("n_embd", now["hidden_size"].clone()),
                        ("n_head", now["num_attention_heads"].clone()),
                        ("n_layer", now["num_hidden_layers"].clone()),
                        ("n_inner", now["intermediate_size"].clone()),
                        ("n_positions", now["max_position_embeddings"].clone()),
                        ("layer_norm_epsilon", now["layer_norm_eps"].clone()),
                        ("rotary_emb_base", now["rope_parameters"]["rope_theta"].clone()),
                    ],
                )?;
                Model::NomicBert(nomic_bert::NomicBertModel::load(vars, &config).map_err(failed)?)
            }
            Family::ModernBert => {
                // What candle calls otherwise, or newer configs keep elsewhere.
                let rope = &recipe.config["rope_parameters"];
                let config = with_defaults(
                    recipe,
                    &[
                        ("layer_norm_eps", recipe.config["norm_eps"].clone()),
                        ("global_rope_theta", rope["full_attention"]["rope_theta"].clone()),
                        ("local_rope_theta", rope["sliding_attention"]["rope_theta"].clone()),
                    ],
                )?;
                // Candle expects the names of a model with a head; a bare encoder has no "model." in front.
                let bare = weights.has("embeddings.tok_embeddings.weight");
                let vars = if bare {
                    vars.rename_f(|name| name.strip_prefix("model.").unwrap_or(name).to_owned())
                } else {
                    vars
                };
                Model::ModernBert(modernbert::ModernBert::load(vars, &config).map_err(failed)?)
            }
            Family::Bert | Family::DistilBert | Family::Mpnet => {
                let config = recipe.parse_config()?;
                Model::Bert(bert::BertModel::load(vars, &config).map_err(failed)?)
            }
        };
        let hidden = recipe.number("hidden_size", recipe.number("n_embd", None).ok())?;
        Ok(Self { model, device, hidden, max_tokens, pad: pad as u32 })
    }

    /// Components of a token's vector.
    pub(super) fn hidden(&self) -> usize {
        self.hidden
    }

    /// The longest text it can read, in tokens.
    pub(super) fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Whether it runs on a GPU, and so wants large batches one after the other.
    pub(super) fn on_gpu(&self) -> bool {
        !self.device.is_cpu()
    }

    /// The last hidden states of all tokens of `texts`, end to end: tokens × hidden.
    ///
    /// On the CPU a text at a time, so that the result does not depend on its neighbours in the batch; on a GPU all
    /// at once, padded to the longest.
    pub(super) fn forward(&self, texts: &[&[u32]]) -> Result<Vec<f32>, candle_core::Error> {
        if self.on_gpu() {
            return self.forward_padded(texts);
        }
        let mut states = Vec::new();
        for text in texts {
            states.extend(self.forward_padded(std::slice::from_ref(text))?);
        }
        Ok(states)
    }

    pub(super) fn forward_padded(&self, texts: &[&[u32]]) -> Result<Vec<f32>, candle_core::Error> {
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let shape = (texts.len(), longest);
        let mut ids = vec![self.pad; texts.len() * longest];
        let mut mask = vec![0u32; ids.len()];
        for (i, text) in texts.iter().enumerate() {
            ids[i * longest..][..text.len()].copy_from_slice(text);
            mask[i * longest..][..text.len()].fill(1);
        }
        let ids = Tensor::from_vec(ids, shape, &self.device)?;
        let mask = Tensor::from_vec(mask, shape, &self.device)?;
        let states = match &self.model {
            Model::Bert(model) => model.forward(&ids, &ids.zeros_like()?, Some(&mask))?,
            Model::Roberta(model) => model.forward(&ids, &mask, &ids.zeros_like()?, None, None, None)?,
            Model::NomicBert(model) => model.forward(&ids, None, Some(&mask))?,
            Model::ModernBert(model) => model.forward(&ids, &mask)?,
        };
        let states: Vec<f32> = states.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        let rows = states.chunks_exact((longest * self.hidden).max(1));
        Ok(rows.zip(texts).flat_map(|(row, text)| &row[..text.len() * self.hidden]).copied().collect())
    }
}

/// The config with values that older folders leave out.
fn with_defaults<T: serde::de::DeserializeOwned>(
    recipe: &Recipe,
    defaults: &[(&str, Value)],
) -> Result<T, ModelError> {
    let mut config = recipe.config.clone();
    for (name, value) in defaults {
        if config[*name].is_null() && !value.is_null() {
            config[*name] = value.clone();
        }
    }
    serde_json::from_value(config).map_err(|e| recipe.config_error(e))
}
