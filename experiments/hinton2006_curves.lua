-- Hinton and Salakhutdinov's curves: a very deep network that could not be
-- trained from a small random start in 2006, with and without pre-training.
--
-- Network   784-400-200-100-50-25-6 and back, logistic, linear code, logistic
--           output, cross-entropy.
-- Source    Science 313:504 (2006), Fig. 2A: test sse 1.44 after pre-training;
--           without it the network only ever gave back the mean. Logistic PCA
--           7.64 with 6 components, PCA 5.90 with 18.
-- Expected  without pre-training SGD stays near the mean picture's error (33)
--           and Adam leaves it slowly, sooner from a sparse start; RBMs free
--           both (results/published/). The original file is not available: curves are generated
--           afresh, so the paper's figures compare only roughly.
-- Time      12 runs, about 6 minutes on two cores:
--             latent run experiments/hinton2006_curves.lua
--           smoke scale:
--             latent run experiments/hinton2006_curves.lua -s n=1000 -s epochs=1 -s pretrain_epochs=1 -s seed=1
-- Figure    latent plot curves 'experiment=hinton2006_curves' -m test.sse --by start --log-y -o curves.svg
local latent = require "latent"

return latent.experiment {
  name     = "hinton2006_curves",
  question = "Can the curves network be trained without pre-training?",

  config = {
    start = "Adam, Glorot", tie = "unrolled", init = "glorot", pretrain = "none", optimizer = "adam",
    n = 20000, n_test = 10000, pretrain_epochs = 20, epochs = 30, batch = 100, rate = 1e-3, seed = 1,
  },
  sweep = latent.list {
    { start = "SGD, Glorot", optimizer = "sgd", rate = 0.01 },
    { start = "SGD, sparse", optimizer = "sgd", rate = 0.01, init = "sparse" },
    { start = "SGD, RBMs", optimizer = "sgd", rate = 0.01, pretrain = "rbm" },
    { start = "Adam, Glorot" },
    { start = "Adam, sparse", init = "sparse" },
    { start = "Adam, RBMs", pretrain = "rbm" },
  } * latent.grid { seed = { 1, 2 } },
  targets = {
    ["test.sse"] = { value = 1.44, better = "lower", source = "Hinton & Salakhutdinov 2006, Fig. 2A" },
  },

  run = function(run, c)
    local data = latent.data.curves { n_train = c.n, n_test = c.n_test, seed = 7 }
    local net = latent.autoencoder {
      input   = data.train.shape,
      encoder = {
        latent.dense { 400, act = "sigmoid" },
        latent.dense { 200, act = "sigmoid" },
        latent.dense { 100, act = "sigmoid" },
        latent.dense { 50, act = "sigmoid" },
        latent.dense { 25, act = "sigmoid" },
        latent.dense { 6, act = "linear" },
      },
      output  = "sigmoid",
      tie     = c.tie,
      init    = c.init,
      seed    = c.seed,
    }
    if c.pretrain ~= "none" then
      latent.pretrain(net, {
        method = c.pretrain, data = data.train, test = data.test,
        epochs = c.pretrain_epochs, run = run,
      })
    end
    local optimizer = c.optimizer == "sgd" and latent.sgd { rate = c.rate, momentum = 0.9 }
      or latent.adam { rate = c.rate }
    latent.fit(net, {
      train = data.train, test = data.test, loss = "bce", optimizer = optimizer,
      epochs = c.epochs, batch = c.batch, run = run,
    })
    run:figure("reconstructions", latent.plot.reconstructions(net, data.test, { n = 10 }))
    run:save("net", net)
  end,
}
