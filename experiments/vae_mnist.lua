-- Variational autoencoders: how large a code is used, what beta and a warm-up
-- of the divergence change, and whether a tied decoder hurts the bound.
--
-- Network   784-400-200-code (Gaussian) and its mirror, relu, Bernoulli output.
-- Source    Kingma and Welling 2014; beta: Higgins et al. 2017; warm-up: Bowman
--           et al. 2016; active units: Burda et al. 2016. Grey pixels are taken
--           as probabilities, so the bound is not comparable with figures for
--           binarised MNIST.
-- Expected  of 30 units some 20 are active at beta 1; fewer with beta 4, nearly
--           all with beta 0.25, and then the bound is worse. Warm-up keeps more
--           units alive. Tied costs a few nats.
-- Found     seed 1, test bound and active units: untied -104.7, 16; tied -105.5,
--           19; unrolled -104.6, 17; warm-up -105.9, 25; beta 0.25 -116.2, 28;
--           beta 4 -122.2, 7; code of 2 -148.1, of 10 -106.7.
-- Data      MNIST when its files are found, else generated curves.
-- Time      27 runs, about 9 minutes on two cores:
--             latent run experiments/vae_mnist.lua -j 2
-- Figure    latent plot curves experiment=vae_mnist -m test.bound --by variant -o vae.svg
local latent = require "latent"

return latent.experiment {
  name     = "vae_mnist",
  question = "How much of a variational code is used, and does a tied decoder cost bound?",

  config = {
    variant = "untied", tie = "untied", code = 30, beta = 1.0, warmup = 0,
    data = latent.data.has("mnist") and "mnist" or "curves",
    n = 20000, n_test = 5000, epochs = 30, batch = 100, rate = 1e-3, seed = 1,
  },
  sweep = latent.list {
    { variant = "untied", tie = "untied" },
    { variant = "tied", tie = "tied" },
    { variant = "unrolled", tie = "unrolled" },
    { variant = "warm-up 10", warmup = 10 },
    { variant = "tied, warm-up 10", tie = "tied", warmup = 10 },
    { variant = "beta 0.25", beta = 0.25 },
    { variant = "beta 4", beta = 4.0 },
    { variant = "code 2", code = 2 },
    { variant = "code 10", code = 10 },
  } * latent.grid { seed = { 1, 2, 3 } },

  run = function(run, c)
    local data = c.data == "mnist" and latent.data.mnist { n_train = c.n, n_test = c.n_test }
      or latent.data.curves { n_train = c.n, n_test = c.n_test, seed = 7 }
    local train, test = data.train, data.test

    local net = latent.autoencoder {
      input   = train.shape,
      encoder = {
        latent.dense { 400, act = "relu" }, latent.dense { 200, act = "relu" }, latent.gaussian_code { c.code },
      },
      output  = "sigmoid", tie = c.tie, seed = c.seed,
    }
    latent.fit(net, {
      train = train, test = test, loss = "bce", beta = c.beta, kl_warmup = math.min(c.warmup, c.epochs),
      optimizer = latent.adam { rate = c.rate }, epochs = c.epochs, batch = c.batch, run = run,
    })
    if train.has_labels then
      latent.probe { net = net, train = train, test = test, run = run, knn = { 1 }, linear = true }
    end
    run:figure("reconstructions", latent.plot.reconstructions(net, test, { n = 10 }))
    if c.code == 2 then run:figure("codes", latent.plot.codes(net, test)) end
    run:save("net", net)
    run:tag(c.variant)
  end,
}
