-- The question this program was born from: a decoder whose weights mirror the
-- encoder's. Can one train only the encoder and copy its transpose into the
-- decoder after every iteration, or every epoch? What happens to the biases?
-- And does any of it beat a decoder with weights of its own?
--
-- Network   784-196-81-49 and back, sigmoid, linear output, mse, Adam.
-- Source    a question asked again and again on forums; no published table.
-- Variants  every tie, each with trained decoder biases; then "train only the
--           encoder" in three readings: the decoder frozen at its own random
--           start, at the transposed start, and copied from the encoder at
--           every step with its biases frozen at 0.
-- Expected  tied and mirrored (step) differ: copying drops the decoder's share
--           of the gradient. Untied learns fastest at equal width, tied follows
--           with half the weights; copies hardly beat the mean picture, and
--           the encoder alone does worse (results/published/).
-- Data      MNIST when its files are found, else generated curves.
-- Time      30 runs, about 4 minutes on two cores (MNIST, 10,000 examples):
--             latent run experiments/seed_mirror.lua
--           smoke scale, half a minute:
--             latent run experiments/seed_mirror.lua -s n=1000 -s epochs=1 -s seed=1
-- Figure    latent plot sweep 'experiment=seed_mirror' -m test.sse --x variant -o mirror.svg
local latent = require "latent"

local seeds = latent.grid { seed = { 1, 2, 3 } }
local variants = latent.list {
  { variant = "untied", tie = "untied" },
  { variant = "tied", tie = "tied" },
  { variant = "unrolled", tie = "unrolled" },
  { variant = "mirrored/step", tie = "mirrored", refresh = "step" },
  { variant = "mirrored/epoch", tie = "mirrored", refresh = "epoch" },
  { variant = "pinv/step", tie = "pinv", refresh = "step" },
  { variant = "pinv/epoch", tie = "pinv", refresh = "epoch" },
  { variant = "encoder only, random decoder", tie = "untied", freeze = "decoder" },
  { variant = "encoder only, transposed start", tie = "unrolled", freeze = "decoder" },
  { variant = "encoder only, mirrored/step", tie = "mirrored", refresh = "step", freeze = "decoder" },
}

return latent.experiment {
  name     = "seed_mirror",
  question = "Does it help to make the decoder the encoder's mirror, and how is it done right?",

  config = {
    variant = "untied", tie = "untied", refresh = "step", freeze = "none",
    data = latent.data.has("mnist") and "mnist" or "curves",
    n = 10000, n_test = 2000, epochs = 20, batch = 128, rate = 1e-3, seed = 1,
  },
  sweep = variants * seeds,

  run = function(run, c)
    local data = c.data == "mnist" and latent.data.mnist { n_train = c.n, n_test = c.n_test }
      or latent.data.curves { n_train = c.n, n_test = c.n_test, seed = 7 }
    local train, test = data.train, data.test

    local net = latent.autoencoder {
      input   = train.shape,
      encoder = {
        latent.dense { 196, act = "sigmoid" },
        latent.dense { 81, act = "sigmoid" },
        latent.dense { 49, act = "sigmoid" },
      },
      output  = "linear",
      tie     = (c.tie == "mirrored" or c.tie == "pinv") and { c.tie, refresh = c.refresh } or c.tie,
      seed    = c.seed,
    }
    if c.freeze ~= "none" then
      net:freeze(c.freeze)
    end
    latent.fit(net, {
      train = train, test = test, loss = "mse",
      optimizer = latent.adam { rate = c.rate },
      epochs = c.epochs, batch = c.batch, run = run,
    })
    run:figure("reconstructions", latent.plot.reconstructions(net, test, { n = 10 }))
    run:save("net", net)
    run:tag(c.tie)
  end,
}
