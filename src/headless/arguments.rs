//! The command line's arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::embed::Long;
use crate::math::hdbscan::{Ground, HdbscanParams, Selection};
use crate::math::kmeans::Metric;
use crate::math::neighbours::NeighbourParams;
use crate::math::select::{LAMBDA, MU};
use crate::model::DevicePreference;
use crate::stage::{ClusterMethod, Computers, MapMethod, Params};

/// Explore embedding spaces on your own machine. Without a command, opens the window (on FILE, if given).
#[derive(Debug, Parser)]
#[command(name = "semascope", version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// A corpus, a corpus and its .npy vectors, word vectors, or a project
    pub files: Vec<PathBuf>,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The whole flow: clusters.csv, map.png, project.semascope, report.json
    Run(RunArguments),
    /// Clusters under a goal in plain words, with explanations: clusters.csv, explanations.json
    Goal(GoalArguments),
    /// Texts to vectors: n×d f32 (f16 with --half), one row a document (an empty text is a row of zeros)
    Embed(EmbedArguments),
    /// The nearest neighbours of vectors: indices.npy, similarities.npy, report.json
    Knn(KnnArguments),
    /// Vectors to a map: n×2 f32, and its quality in a .json beside it
    Project(ProjectArguments),
    /// Vectors to clusters: a CSV with the columns row and semascope_cluster
    Cluster(ClusterArguments),
    /// Time every compute kernel on the graphics adapter, beside its twin on the processor
    Bench(BenchArguments),
    /// What this machine can compute and draw on
    Devices(DevicesArguments),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LongText {
    /// Cut at the model's length
    Truncate,
    /// Embed in parts and average them
    Chunk,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Device {
    Auto,
    Cpu,
    Gpu,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Projection {
    Umap,
    Tsne,
    Pca,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Clustering {
    Leiden,
    Kmeans,
    Density,
    /// Only dense places; says what share of the documents it leaves out
    Hdbscan,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ClusterMetric {
    /// Compare directions
    Cosine,
    /// Compare distances
    Euclidean,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ClusterGround {
    /// Positions on the map, exactly
    Map,
    /// Vectors, as far as their nearest neighbours tell: stricter
    Vectors,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ClusterSelection {
    /// The clusters that last longest while the bar of density rises
    Eom,
    /// The finest clusters
    Leaf,
}

/// What all commands understand.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Seed of whatever is random
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Threads to compute on (default: all)
    #[arg(long)]
    pub threads: Option<usize>,
    /// Where models and steps compute (auto: whatever is faster here)
    #[arg(long, value_enum, default_value_t = Device::Auto)]
    pub device: Device,
    /// Print no progress
    #[arg(long)]
    pub quiet: bool,
    /// Print progress and the result as JSON lines
    #[arg(long)]
    pub json: bool,
}

/// How a corpus becomes vectors.
#[derive(Clone, Debug, Args)]
pub struct Embedding {
    /// A text column (repeat it to join several by ". "; default: guessed)
    #[arg(long = "text", value_name = "COLUMN")]
    pub text: Vec<String>,
    /// "builtin", or a Hugging Face folder of the BERT family
    #[arg(long, default_value = "builtin", value_name = "builtin|DIR")]
    pub model: String,
    /// Tokens of a text that are read (default: as many as the model reads)
    #[arg(long)]
    pub max_tokens: Option<usize>,
    /// What happens to longer texts
    #[arg(long, value_enum, default_value_t = LongText::Truncate)]
    pub long: LongText,
    /// Keep vectors in half precision: half the room (the report says how many neighbours they keep)
    #[arg(long)]
    pub half: bool,
}

/// How documents are clustered.
#[derive(Clone, Debug, Args)]
pub struct Grouping {
    #[arg(long = "method", value_enum, default_value_t = Clustering::Leiden)]
    pub method: Clustering,
    /// How many clusters k-means makes
    #[arg(long)]
    pub k: Option<usize>,
    /// What k-means compares
    #[arg(long, value_enum, default_value_t = ClusterMetric::Cosine)]
    pub metric: ClusterMetric,
    /// The fewest documents of an HDBSCAN cluster (default: half the square root of their number, at least 5)
    #[arg(long, value_name = "N", value_parser = at_least(2))]
    pub min_cluster_size: Option<usize>,
    /// The neighbour whose distance tells HDBSCAN how dense a place is (default: 10, or the fewest documents)
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub min_samples: Option<usize>,
    /// Which clusters HDBSCAN takes from its tree
    #[arg(long, value_enum, default_value_t = ClusterSelection::Leaf)]
    pub selection: ClusterSelection,
    /// Where HDBSCAN looks for dense places
    #[arg(long, value_enum, default_value_t = ClusterGround::Map)]
    pub ground: ClusterGround,
    /// HDBSCAN clusters nearer than this stay together
    #[arg(long, default_value_t = 0.0)]
    pub epsilon: f32,
    /// Leiden's resolution: more gives more clusters (default: chosen from the data)
    #[arg(long)]
    pub resolution: Option<f32>,
}

/// How documents are laid out.
#[derive(Clone, Debug, Args)]
pub struct Mapping {
    /// How documents get their places
    #[arg(long, value_enum, default_value_t = Projection::Umap)]
    pub map: Projection,
    /// About how many neighbours a document attends to in t-SNE (default: 30)
    #[arg(long, value_parser = perplexity)]
    pub perplexity: Option<f32>,
}

#[derive(Debug, Args)]
pub struct RunArguments {
    /// CSV, TSV, JSON, JSON lines, text (also gzip), word vectors or .npy
    pub file: PathBuf,
    /// The folder for the results
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Given vectors instead of a model, one row a document
    #[arg(long, value_name = "V.npy")]
    pub vectors: Option<PathBuf>,
    /// The column that holds each document's row in V.npy, when they are not in the same order
    #[arg(long, value_name = "COLUMN", requires = "vectors")]
    pub join: Option<String>,
    /// Write cells that a spreadsheet would run as formulas as they are
    #[arg(long)]
    pub raw: bool,
    /// Leave the texts out of project.semascope (clusters.csv holds them all the same)
    #[arg(long)]
    pub no_texts: bool,
    #[command(flatten)]
    pub embedding: Embedding,
    #[command(flatten)]
    pub grouping: Grouping,
    #[command(flatten)]
    pub mapping: Mapping,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct GoalArguments {
    /// CSV, TSV, JSON, JSON lines or text (also gzip)
    pub file: PathBuf,
    /// By what the texts are to be told apart, in English: "by topic", "why do customers complain?"
    #[arg(long)]
    pub goal: String,
    /// How many explanations (default: as many as are worth it)
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub k: Option<usize>,
    /// Predicates of your own, one a line; with a larger --k others are found beside them
    #[arg(long, value_name = "FILE")]
    pub predicates: Option<PathBuf>,
    /// How texts are compared: "meaning", "language", "style" or the name of a column (default: as the goal says)
    #[arg(long)]
    pub view: Option<String>,
    /// A column whose groups' means are subtracted before texts are compared, as each language's is
    #[arg(long, value_name = "COLUMN")]
    pub nuisance: Option<String>,
    /// What it costs that several explanations hold for a text
    #[arg(long, default_value_t = LAMBDA, value_parser = cost)]
    pub overlap: f64,
    /// What it costs that no explanation holds for a text
    #[arg(long, default_value_t = MU, value_parser = cost)]
    pub missed: f64,
    /// The language model that proposes and assigns; without one the embedder does
    #[arg(long, default_value = "none", value_parser = ["none"])]
    pub llm: String,
    /// The folder for the results
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Write cells that a spreadsheet would run as formulas as they are
    #[arg(long)]
    pub raw: bool,
    #[command(flatten)]
    pub embedding: Embedding,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct EmbedArguments {
    pub file: PathBuf,
    #[arg(long, value_name = "V.npy")]
    pub out: PathBuf,
    #[command(flatten)]
    pub embedding: Embedding,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct KnnArguments {
    /// n×d vectors
    pub vectors: PathBuf,
    /// Neighbours a point
    #[arg(long, default_value_t = NeighbourParams::default().k)]
    pub k: usize,
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct ProjectArguments {
    /// n×d vectors
    pub vectors: PathBuf,
    #[arg(long, value_name = "L.npy")]
    pub out: PathBuf,
    #[arg(long, value_enum, default_value_t = Projection::Umap)]
    pub method: Projection,
    /// About how many neighbours a point of t-SNE attends to (default: 30)
    #[arg(long, value_parser = perplexity)]
    pub perplexity: Option<f32>,
    /// A folder that `knn` wrote: its graph is used
    #[arg(long, value_name = "DIR")]
    pub knn: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct ClusterArguments {
    /// n×d vectors
    pub vectors: PathBuf,
    #[arg(long, value_name = "C.csv")]
    pub out: PathBuf,
    #[command(flatten)]
    pub grouping: Grouping,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct BenchArguments {
    /// As little as a calibration does
    #[arg(long)]
    pub quick: bool,
    /// Take an adapter in software where there is no other: it shows that kernels are right, not how fast they are
    #[arg(long)]
    pub software: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct DevicesArguments {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Reads a whole number that is at least `least`.
fn at_least(least: usize) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse() {
        Ok(number) if number >= least => Ok(number),
        _ => Err(format!("a whole number from {least} is wanted")),
    }
}

impl Device {
    pub fn preference(self) -> DevicePreference {
        match self {
            Self::Auto => DevicePreference::Auto,
            Self::Cpu => DevicePreference::Cpu,
            Self::Gpu => DevicePreference::Gpu,
        }
    }
}

impl Embedding {
    /// Puts these wishes into `params`.
    pub fn set(&self, params: &mut Params) {
        params.model = (self.model != "builtin").then(|| PathBuf::from(&self.model));
        params.embed.max_tokens = self.max_tokens;
        params.half = self.half;
        params.embed.long = match self.long {
            LongText::Truncate => Long::Truncate,
            LongText::Chunk => Long::Chunk,
        };
    }
}

impl Grouping {
    /// Puts these wishes into `params`.
    pub fn set(&self, params: &mut Params) {
        params.clusters.method = match self.method {
            Clustering::Leiden => ClusterMethod::Leiden,
            Clustering::Kmeans => ClusterMethod::KMeans,
            Clustering::Density => ClusterMethod::Density,
            Clustering::Hdbscan => ClusterMethod::Hdbscan,
        };
        params.clusters.kmeans.metric = match self.metric {
            ClusterMetric::Cosine => Metric::Cosine,
            ClusterMetric::Euclidean => Metric::Euclidean,
        };
        params.clusters.hdbscan = HdbscanParams {
            min_cluster_size: self.min_cluster_size,
            min_samples: self.min_samples,
            selection: match self.selection {
                ClusterSelection::Eom => Selection::Eom,
                ClusterSelection::Leaf => Selection::Leaf,
            },
            ground: match self.ground {
                ClusterGround::Map => Ground::Map,
                ClusterGround::Vectors => Ground::Vectors,
            },
            epsilon: self.epsilon,
        };
        if let Some(k) = self.k {
            params.clusters.kmeans.k = k;
        }
        if self.resolution.is_some() {
            params.clusters.leiden.resolution = self.resolution;
        }
    }
}

impl Mapping {
    /// Puts these wishes into `params`.
    pub fn set(&self, params: &mut Params) {
        params.map.method = self.map.method();
        if let Some(perplexity) = self.perplexity {
            params.map.tsne.perplexity = perplexity;
        }
    }
}

/// Reads a cost.
fn cost(text: &str) -> Result<f64, String> {
    let wanted = text.parse::<f64>().ok().filter(|value| (0.0..=1000.0).contains(value));
    wanted.ok_or_else(|| "a cost is a number from 0 to 1000".into())
}

/// Reads a perplexity.
fn perplexity(text: &str) -> Result<f32, String> {
    let wanted = text.parse::<f32>().ok().filter(|value| (1.0..=1000.0).contains(value));
    wanted.ok_or_else(|| "a perplexity is a number from 1 to 1000".into())
}

impl Projection {
    pub fn method(self) -> MapMethod {
        match self {
            Self::Umap => MapMethod::Umap,
            Self::Tsne => MapMethod::Tsne,
            Self::Pca => MapMethod::Pca,
        }
    }
}

impl Common {
    /// What the steps compute on.
    pub fn computers(&self) -> Computers {
        Computers::new(self.device.preference(), None)
    }

    /// Puts the seed everywhere.
    pub fn set(&self, params: &mut Params) {
        params.neighbours.seed = self.seed;
        params.map.umap.seed = self.seed;
        params.map.tsne.seed = self.seed;
        params.clusters.leiden.seed = self.seed;
        params.clusters.kmeans.seed = self.seed;
    }
}
