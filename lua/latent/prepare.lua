-- latent.prepare: the public part of latent.prepared, which latent.data loads
-- itself, because it remakes prepared sets.
require "latent.data"
return require "latent.prepared".public
