-- latent: what an experiment script requires.
return {}
