-- The first sweep: tied or untied, pre-trained or not, on generated curves.
--
-- Question  Does a tied decoder reconstruct held-out curves as well as a free
--           one, and does pre-training help either?
-- Network   784-200-50-6 and back, logistic, linear code, logistic output,
--           cross-entropy, Adam; half of the weights when tied.
-- Source    a small cousin of Hinton and Salakhutdinov, Science 313:504 (2006),
--           Fig. 2A; their curves and sizes are not these.
-- Expected  test sse 12 to 15 for all, against 33 for the mean picture: half
--           the weights cost little, and pre-training does not decide it.
-- Data      generated: no files, no network.
-- Time      8 runs, well under a minute on two cores:
--             latent run experiments/quickstart.lua -j 2
--           smoke scale:
--             latent run experiments/quickstart.lua -s n_train=500 -s epochs=1
-- Figure    reconstructions.svg in each run's folder, or
--             latent plot curves 'experiment=quickstart' --metric test.sse --by tie -o curves.svg
local latent = require "latent"

return latent.experiment {
  name     = "quickstart",
  question = "Does a tied decoder reconstruct held-out curves as well as a free one?",

  config = {
    code = 6, tie = "untied", pretrain = "none", pretrain_epochs = 5,
    n_train = 10000, n_test = 1000, epochs = 20, batch = 50, rate = 6e-3, seed = 1,
  },
  sweep = latent.grid { tie = { "untied", "tied" }, pretrain = { "none", "rbm" }, seed = { 1, 2 } },

  run = function(run, c)
    local data = latent.data.curves { n_train = c.n_train, n_test = c.n_test, seed = 7 }
    local net = latent.autoencoder {
      input   = data.train.shape,
      encoder = {
        latent.dense { 200, act = "sigmoid" },
        latent.dense { 50, act = "sigmoid" },
        latent.dense { c.code, act = "linear" },
      },
      output  = "sigmoid",
      tie     = c.tie,
      seed    = c.seed,
    }
    if c.pretrain ~= "none" then
      latent.pretrain(net, { method = c.pretrain, data = data.train, epochs = c.pretrain_epochs, run = run })
    end
    latent.fit(net, {
      train = data.train, test = data.test, loss = "bce",
      optimizer = latent.adam { rate = c.rate },
      epochs = c.epochs, batch = c.batch, run = run, log_every = 10,
    })
    run:figure("reconstructions", latent.plot.reconstructions(net, data.test, { n = 10 }))
    run:save("net", net)
  end,
}
