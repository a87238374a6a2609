-- The two small autoencoders that most tutorials begin with, and the pictures
-- they draw: training curves, and originals above their reconstructions.
--
-- Networks  "basic":  784-32-784, relu code, sigmoid output, cross-entropy
--                     (F. Chollet, "Building autoencoders in Keras", 2016);
--           "latent": 784-25-784, elu code, elu output, mean squared error,
--                     10 epochs.
-- Expected  The tutorial reports a loss near 0.093 a pixel for "basic" (50 epochs),
--           73 nats a picture in this program's words (bce sums pixels); after 10
--           epochs 75, with test sse 8.5: a sigmoid output does better than any
--           linear map of 32 codes (PCA: 13.19). "latent" ends near 16 (PCA: 18.45
--           with 20 components, 13.87 with 30).
-- Data      MNIST when its files are found, else generated curves.
-- Time      2 runs, under 10 seconds on two cores; smoke scale:
--             latent run experiments/keras_latent.lua -s n=2000 -s epochs=1
-- Figures   in each run's folder; curves of both:
--             latent plot curves 'experiment=keras_latent' -m test.sse --by network -o keras.svg
local latent = require "latent"

return latent.experiment {
  name     = "keras_latent",
  question = "What do the tutorials' one-layer autoencoders reach, and what do they draw?",

  config = {
    network = "basic", tie = "untied",
    data = latent.data.has("mnist") and "mnist" or "curves",
    n = 60000, epochs = 10, batch = 256, rate = 1e-3, seed = 1,
  },
  sweep = latent.grid { network = { "basic", "latent" } },

  run = function(run, c)
    local data = c.data == "mnist" and latent.data.mnist { n_train = c.n }
      or latent.data.curves { n_train = c.n, n_test = 2000, seed = 7 }
    local train = data.train

    local basic = c.network == "basic"
    local net = latent.autoencoder {
      input   = train.shape,
      encoder = { basic and latent.dense { 32, act = "relu" } or latent.dense { 25, act = "elu" } },
      output  = basic and "sigmoid" or "elu",
      tie     = c.tie,
      seed    = c.seed,
    }
    latent.fit(net, {
      train = train, test = data.test, loss = basic and "bce" or "mse",
      optimizer = latent.adam { rate = c.rate },
      epochs = c.epochs, batch = c.batch, run = run,
    })
    run:figure("reconstructions", latent.plot.reconstructions(net, data.test, { n = 10 }))
    run:figure("filters", latent.plot.filters(net, { n = 25 }))
    run:save("net", net)
  end,
}
