//! The parameters of every step, in one value that projects and reports carry.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::embed::EmbedParams;
use crate::math::density::DensityParams;
use crate::math::hdbscan::{Ground, HdbscanParams};
use crate::math::kmeans::KMeansParams;
use crate::math::leiden::LeidenParams;
use crate::math::neighbours::NeighbourParams;
use crate::math::tsne::TsneParams;
use crate::math::umap::UmapParams;
use crate::model::ModelSource;

/// Everything that can be set about a space and what follows from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Params {
    /// A Hugging Face folder; `None`: the built-in model.
    pub model: Option<PathBuf>,
    pub embed: EmbedParams,
    /// Keep the vectors in half precision: half the room, for a few neighbours in a thousand.
    pub half: bool,
    pub neighbours: NeighbourParams,
    pub map: MapParams,
    pub clusters: ClusterParams,
}

/// How documents get their places on the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MapMethod {
    #[default]
    Umap,
    Tsne,
    Pca,
}

impl MapMethod {
    /// Its name, as layouts and panels say it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Umap => "UMAP",
            Self::Tsne => "t-SNE",
            Self::Pca => "PCA",
        }
    }

    /// The method of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Umap, Self::Tsne, Self::Pca].into_iter().find(|method| method.name() == name)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MapParams {
    pub method: MapMethod,
    pub umap: UmapParams,
    pub tsne: TsneParams,
    /// Of the topics that label the map.
    pub topics: DensityParams,
}

impl MapParams {
    /// Whether a map that moves by `other` can take these parameters while it does.
    pub fn only_live_differs(&self, other: &Self) -> bool {
        let (umap, tsne) = (&self.umap, &self.tsne);
        self.method == other.method
            && match self.method {
                MapMethod::Umap => (umap.epochs, umap.seed) == (other.umap.epochs, other.umap.seed),
                MapMethod::Tsne => {
                    let fixed = |params: &TsneParams| (params.epochs, params.seed, params.early_exaggeration);
                    fixed(tsne) == fixed(&other.tsne)
                }
                MapMethod::Pca => false,
            }
    }
}

/// How the cluster column is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterMethod {
    #[default]
    Leiden,
    KMeans,
    /// The finest density topics of the map.
    Density,
    /// Dense places of the map or among the vectors; whatever lies between belongs to none.
    Hdbscan,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterParams {
    pub method: ClusterMethod,
    pub leiden: LeidenParams,
    pub kmeans: KMeansParams,
    pub hdbscan: HdbscanParams,
}

impl ClusterParams {
    /// Whether clusters are found along the neighbours of documents.
    pub fn read_neighbours(&self) -> bool {
        match self.method {
            ClusterMethod::Leiden => true,
            ClusterMethod::KMeans | ClusterMethod::Density => false,
            ClusterMethod::Hdbscan => self.hdbscan.ground == Ground::Vectors,
        }
    }

    /// Whether clusters are found on the map rather than among the vectors.
    pub fn need_map(&self) -> bool {
        match self.method {
            ClusterMethod::Leiden | ClusterMethod::KMeans => false,
            ClusterMethod::Density => true,
            ClusterMethod::Hdbscan => self.hdbscan.ground == Ground::Map,
        }
    }
}

impl Params {
    /// The same without paths, for a file that goes elsewhere: a model is named by its folder alone.
    pub fn portable(&self) -> Self {
        let folder = self.model.as_ref().and_then(|model| model.file_name());
        Self { model: folder.map(Into::into), ..self.clone() }
    }

    /// The model these parameters name.
    pub fn source(&self) -> ModelSource {
        self.model.clone().map_or(ModelSource::Builtin, ModelSource::Folder)
    }
}
