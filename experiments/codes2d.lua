-- The picture of Hinton and Salakhutdinov's Figure 3: digits laid out by a
-- two-unit code, coloured by class.
--
-- Network   784-1000-500-250-2 and back, logistic, linear code, logistic
--           output, cross-entropy; pre-trained by RBMs, unrolled, fine-tuned;
--           or started sparse (Martens 2010) without pre-training.
-- Source    Science 313:504 (2006), Fig. 3B (a picture; no error published).
-- Expected  digit classes form arms or islands, test sse near 27; a two-component
--           PCA (43.64) mixes them.
-- Data      MNIST when its files are found, else generated curves, which have
--           no classes: one colour.
-- Time      2 runs, about 8 minutes on two cores:
--             latent run experiments/codes2d.lua
--           smoke scale:
--             latent run experiments/codes2d.lua -s n=500 -s epochs=1 -s pretrain_epochs=1
-- Figure    codes.svg in each run's folder, or  latent plot codes 'experiment=codes2d' -o codes.svg
local latent = require "latent"

return latent.experiment {
  name     = "codes2d",
  question = "What does a two-unit code of the digits look like, with and without pre-training?",

  config = {
    pretrain = "rbm", pretrain_epochs = 10, tie = "unrolled",
    data = latent.data.has("mnist") and "mnist" or "curves",
    n = 60000, epochs = 20, batch = 100, rate = 1e-3, seed = 1,
  },
  sweep = latent.grid { pretrain = { "rbm", "none" } },

  run = function(run, c)
    local data = c.data == "mnist" and latent.data.mnist { n_train = c.n }
      or latent.data.curves { n_train = c.n, n_test = 2000, seed = 7 }
    local train = data.train

    local net = latent.autoencoder {
      input   = train.shape,
      encoder = {
        latent.dense { 1000, act = "sigmoid" },
        latent.dense { 500, act = "sigmoid" },
        latent.dense { 250, act = "sigmoid" },
        latent.dense { 2, act = "linear" },
      },
      output  = "sigmoid",
      tie     = c.tie,
      init    = c.pretrain == "none" and "sparse" or "glorot", -- RBMs make their own
      seed    = c.seed,
    }
    if c.pretrain ~= "none" then
      latent.pretrain(net, {
        method = c.pretrain, data = train, test = data.test,
        epochs = c.pretrain_epochs, run = run,
      })
    end
    latent.fit(net, {
      train = train, test = data.test, loss = "bce",
      optimizer = latent.adam { rate = c.rate },
      epochs = c.epochs, batch = c.batch, run = run,
    })
    run:figure("codes", latent.plot.codes(net, data.test, { n = 5000 }))
    run:figure("reconstructions", latent.plot.reconstructions(net, data.test, { n = 10 }))
    run:save("net", net)
  end,
}
