//! What a model's folder says about it: its family, how tokens become one vector, how long a text may be.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::Key;

use super::{ModelError, ModelSource, Weights};

/// Used where no file says how long a text may be; every BERT reads that many.
const USUAL_MAX_TOKENS: usize = 512;

/// Tokenizers write enormous numbers where they know no limit.
const SANE_MAX_TOKENS: usize = 1 << 20;

/// The architectures Semascope runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Bert,
    Roberta,
    DistilBert,
    Mpnet,
    NomicBert,
    ModernBert,
}

/// `model_type` as Hugging Face writes it, and what runs it.
const FAMILIES: [(&str, Family); 8] = [
    ("bert", Family::Bert),
    ("roberta", Family::Roberta),
    ("xlm-roberta", Family::Roberta),
    ("camembert", Family::Roberta),
    ("distilbert", Family::DistilBert),
    ("mpnet", Family::Mpnet),
    ("nomic_bert", Family::NomicBert),
    ("modernbert", Family::ModernBert),
];

impl Family {
    /// The known types as a list for people.
    pub fn known() -> String {
        FAMILIES.map(|(name, _)| name).join(", ")
    }
}

/// How the vectors of a text's tokens become one; special tokens count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Pooling {
    /// The first token's.
    Cls,
    Mean,
    /// The largest of each component.
    Max,
    /// The sum over the root of their number.
    MeanSqrt,
    /// Weighted by position, later tokens more (SGPT, Muennighoff 2022).
    WeightedMean,
    /// The last token's.
    Last,
}

/// What follows the pooling.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A linear layer in a folder of its own, with tanh after it or nothing.
    Dense { folder: PathBuf, inputs: usize, outputs: usize, bias: bool, tanh: bool },
    /// Scaling to length one.
    Normalise,
}

/// The languages a model was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Languages {
    English,
    /// Many, perhaps not all.
    Multilingual,
    Unknown,
}

/// All that a folder says about its model.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub name: String,
    pub folder: PathBuf,
    /// Where the encoder's weights lie: mostly `folder` itself.
    pub weights: PathBuf,
    pub family: Family,
    /// `config.json`.
    pub config: Value,
    /// Several are put end to end.
    pub pooling: Vec<Pooling>,
    pub steps: Vec<Step>,
    /// The longest text in tokens, special ones included, that the folder names; the model may allow less.
    pub max_tokens: usize,
    pub languages: Languages,
    /// What a person should know, as sentences.
    pub remarks: Vec<String>,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Dense {
    in_features: usize,
    out_features: usize,
    #[serde(default = "yes")]
    bias: bool,
    #[serde(default)]
    activation_function: String,
}

fn yes() -> bool {
    true
}

impl Recipe {
    /// Reads the small files of a model's folder; weights and tokenizer are not touched.
    pub fn read(source: &ModelSource) -> Result<Self, ModelError> {
        let folder = source.folder()?;
        if !folder.is_dir() {
            return Err(ModelError::unreadable(&folder, "there is no such folder"));
        }
        let (weights, pooling, steps, remark) = read_modules(&folder)?;
        let Some(config) = read_json::<Value>(&weights.join("config.json"))? else {
            return Err(ModelError::Missing { folder, what: "config.json" });
        };
        let found = config["model_type"].as_str().unwrap_or_default();
        let Some(&(_, family)) = FAMILIES.iter().find(|(name, _)| *name == found) else {
            let (file, found) = (weights.join("config.json"), found.to_owned());
            return Err(ModelError::UnknownFamily { file, found });
        };
        let name = source.name();
        let languages = match source {
            ModelSource::Builtin => Languages::English,
            ModelSource::Folder(_) => languages_of(&name, &config),
        };
        let max_tokens = read_max_tokens(&folder, &weights)?;
        let remarks = remark.into_iter().collect();
        Ok(Self { name, folder, weights, family, config, pooling, steps, max_tokens, languages, remarks })
    }

    /// A hash of everything that decides a text's vector, wherever the files lie. Reads the weights once, whole.
    pub fn content_key(&self, version: u32) -> Result<Key, ModelError> {
        let mut key = Key::of("embedder", version).params(&self.config).params(&self.pooling);
        let tokenizer = self.weights.join("tokenizer.json");
        key = key.bytes(&fs::read(&tokenizer).map_err(|e| ModelError::unreadable(&tokenizer, e))?);
        key = Weights::open(&self.weights)?.hash_into(key)?;
        for step in &self.steps {
            key = match step {
                Step::Normalise => key.text("normalise"),
                Step::Dense { folder, bias, tanh, .. } => {
                    Weights::open(folder)?.hash_into(key.text("dense").params(&(bias, tanh)))?
                }
            };
        }
        Ok(key.finish())
    }

    /// A number of `config.json`, or `default` where it is not given.
    pub fn number(&self, name: &str, default: Option<usize>) -> Result<usize, ModelError> {
        let found = self.config[name].as_u64().map(|n| n as usize);
        found.or(default).ok_or_else(|| self.config_error(format!("\"{name}\" should be a number")))
    }

    /// An error about `config.json`.
    pub fn config_error(&self, cause: impl ToString) -> ModelError {
        ModelError::unusable(&self.weights.join("config.json"), cause)
    }

    /// `config.json` in the form that candle's model of a family wants.
    pub fn parse_config<T: DeserializeOwned>(&self) -> Result<T, ModelError> {
        serde_json::from_value(self.config.clone()).map_err(|e| self.config_error(e))
    }
}

/// `modules.json` is how sentence-transformers says what follows the encoder.
type Modules = (PathBuf, Vec<Pooling>, Vec<Step>, Option<String>);

fn read_modules(folder: &Path) -> Result<Modules, ModelError> {
    let file = folder.join("modules.json");
    let Some(modules) = read_json::<Vec<Module>>(&file)? else {
        let remark = "The model's folder has no modules.json, so its tokens are averaged and the vectors scaled to \
                      length one, which may not be what it was trained for.";
        return Ok((folder.to_owned(), vec![Pooling::Mean], vec![Step::Normalise], Some(remark.to_owned())));
    };
    let (mut weights, mut pooling, mut steps) = (folder.to_owned(), Vec::new(), Vec::new());
    for module in modules {
        let inside = folder.join(&module.path);
        match module.kind.rsplit('.').next().unwrap_or_default() {
            "Transformer" => weights = inside,
            "Pooling" => pooling = read_pooling(&inside.join("config.json"))?,
            "Dense" => steps.push(read_dense(inside)?),
            "Normalize" => steps.push(Step::Normalise),
            "Dropout" => {}
            other => {
                let cause = format!("it has a step \"{other}\", which Semascope does not know");
                return Err(ModelError::unusable(&file, cause));
            }
        }
    }
    if pooling.is_empty() {
        return Err(ModelError::unusable(&file, "it has no pooling step, so it gives no vector for a text"));
    }
    Ok((weights, pooling, steps, None))
}

fn read_pooling(file: &Path) -> Result<Vec<Pooling>, ModelError> {
    let config = read_json::<Value>(file)?.ok_or_else(|| ModelError::unreadable(file, "it is not there"))?;
    // Older folders have a flag for each, newer ones a word or a list of words.
    let modes = [
        ("cls_token", "cls", Pooling::Cls),
        ("max_tokens", "max", Pooling::Max),
        ("mean_tokens", "mean", Pooling::Mean),
        ("mean_sqrt_len_tokens", "mean_sqrt_len_tokens", Pooling::MeanSqrt),
        ("weightedmean_tokens", "weightedmean", Pooling::WeightedMean),
        ("lasttoken", "lasttoken", Pooling::Last),
    ];
    let named = |word: &Value| modes.iter().find(|(_, new, _)| word == new).map(|&(.., pooling)| pooling);
    let flag = |name: &str| config[format!("pooling_mode_{name}").as_str()] == Value::Bool(true);
    let chosen: Vec<Pooling> = match &config["pooling_mode"] {
        Value::Array(words) => words.iter().filter_map(named).collect(),
        Value::Null => modes.iter().filter(|(old, ..)| flag(old)).map(|&(.., pooling)| pooling).collect(),
        word => named(word).into_iter().collect(),
    };
    if chosen.is_empty() {
        return Err(ModelError::unusable(file, "it names no pooling that Semascope knows"));
    }
    Ok(chosen)
}

fn read_dense(folder: PathBuf) -> Result<Step, ModelError> {
    let file = folder.join("config.json");
    let dense: Dense = read_json(&file)?.ok_or_else(|| ModelError::unreadable(&file, "it is not there"))?;
    let tanh = match dense.activation_function.rsplit('.').next().unwrap_or_default() {
        "Tanh" => true,
        "Identity" | "" => false,
        other => {
            return Err(ModelError::unusable(
                &file,
                format!("Semascope does not know the activation \"{other}\""),
            ));
        }
    };
    Ok(Step::Dense { folder, inputs: dense.in_features, outputs: dense.out_features, bias: dense.bias, tanh })
}

fn read_max_tokens(folder: &Path, weights: &Path) -> Result<usize, ModelError> {
    let sentence = read_json::<Value>(&weights.join("sentence_bert_config.json"))?
        .or(read_json(&folder.join("sentence_bert_config.json"))?);
    let tokenizer = read_json::<Value>(&weights.join("tokenizer_config.json"))?;
    let said = |config: Option<Value>, name: &str| {
        // Written as 1e30 by some tokenizers, which is no integer.
        config.and_then(|c| c[name].as_f64()).filter(|&n| (1.0..SANE_MAX_TOKENS as f64).contains(&n))
    };
    let named = said(sentence, "max_seq_length").or(said(tokenizer, "model_max_length"));
    Ok(named.map_or(USUAL_MAX_TOKENS, |n| n as usize))
}

fn languages_of(name: &str, config: &Value) -> Languages {
    let origin = config["_name_or_path"].as_str().unwrap_or_default();
    let says = |word: &str| [name, origin].iter().any(|text| text.to_lowercase().contains(word));
    if config["model_type"] == "xlm-roberta" || says("multilingual") {
        Languages::Multilingual
    } else if says("all-minilm-l6-v2") || says("-en-v") {
        Languages::English
    } else {
        Languages::Unknown
    }
}

/// `None` when the file is not there.
fn read_json<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, ModelError> {
    match fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| ModelError::unreadable(file, e)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(ModelError::unreadable(file, e)),
    }
}
