-- Does the mirror of a convolution help? Convolutional autoencoders whose
-- decoder is the exact adjoint of the encoder, tied and untied, that halve the
-- picture by strides or by pooling.
--
-- Network   conv 16, conv 32 (3x3, "same"), dense code; and the mirror.
--             stride        both convolutions have stride 2
--             maxpool       stride 1, then 2x2 maximum; the mirror unpools by
--                           the switches, which carry positions past the code
--             avgpool       stride 1, then 2x2 mean; the mirror spreads
--             avgpool/copy  the mirror copies (nearest) instead
--             stride/bn     batch normalisation after each convolution
--             dense         a dense layer of 200 instead of the convolutions
-- Source    Masci et al. 2011 tie convolutional weights; no table of tied
--           against untied at equal width is published.
-- Expected  maxpool has the lowest error, because its switches are not part of
--           the code (decode cannot use them); among the others tied is close
--           to untied with half the weights.
-- Found     seed 1, test sse, untied and tied: dense 7.61, 7.62; stride 6.78,
--           5.72; stride/bn 6.17, 5.41; avgpool 7.26, 6.33; avgpool/copy 6.43,
--           5.53; maxpool 2.18, 2.29. Tied convolutions end lower than untied
--           ones here, by a sixth.
-- Data      MNIST when its files are found, else generated curves.
-- Time      36 runs, about 12 minutes on two cores:
--             latent run experiments/conv_mnist.lua -j 2
--           smoke scale, a quarter of a minute:
--             latent run experiments/conv_mnist.lua -s n=300 -s epochs=1 -s seed=1
-- Figure    latent plot sweep experiment=conv_mnist -m test.sse --x down --by tie -o conv.svg
local latent = require "latent"

local function conv(channels, stride, act)
  return latent.conv { channels, kernel = 3, stride = stride, pad = "same", act = act }
end

local DOWN <const> = {
  stride = function() return { conv(16, 2, "relu"), conv(32, 2, "relu") } end,
  maxpool = function()
    return { conv(16, 1, "relu"), latent.maxpool { 2 }, conv(32, 1, "relu"), latent.maxpool { 2 } }
  end,
  avgpool = function()
    return { conv(16, 1, "relu"), latent.avgpool { 2 }, conv(32, 1, "relu"), latent.avgpool { 2 } }
  end,
  ["avgpool/copy"] = function()
    return { conv(16, 1, "relu"), latent.avgpool { 2, unpool = "copy" },
      conv(32, 1, "relu"), latent.avgpool { 2, unpool = "copy" } }
  end,
  ["stride/bn"] = function()
    return { conv(16, 2, "linear"), latent.batchnorm { act = "relu" },
      conv(32, 2, "linear"), latent.batchnorm { act = "relu" } }
  end,
  dense = function() return { latent.dense { 200, act = "relu" } } end,
}

return latent.experiment {
  name     = "conv_mnist",
  question = "Do tied weights help a convolutional autoencoder, and should it stride or pool?",

  config = {
    down = "stride", tie = "untied", code = 32,
    data = latent.data.has("mnist") and "mnist" or "curves",
    n = 10000, n_test = 2000, epochs = 20, batch = 100, rate = 1e-3, seed = 1,
  },
  sweep = latent.grid {
    down = { "dense", "stride", "stride/bn", "avgpool", "avgpool/copy", "maxpool" },
    tie = { "untied", "tied" }, seed = { 1, 2, 3 },
  },

  run = function(run, c)
    local data = c.data == "mnist" and latent.data.mnist { n_train = c.n, n_test = c.n_test }
      or latent.data.curves { n_train = c.n, n_test = c.n_test, seed = 7 }
    local train, test = data.train, data.test

    local encoder = DOWN[c.down]()
    encoder[#encoder + 1] = latent.dense { c.code, act = "linear" }
    local net = latent.autoencoder {
      input = train.shape, encoder = encoder, output = "sigmoid", tie = c.tie, init = "he", seed = c.seed,
    }
    latent.fit(net, {
      train = train, test = test, loss = "bce", optimizer = latent.adam { rate = c.rate },
      epochs = c.epochs, batch = c.batch, run = run,
    })
    if train.has_labels then
      latent.probe { net = net, train = train, test = test, run = run, knn = { 1 }, linear = true }
    end
    run:figure("reconstructions", latent.plot.reconstructions(net, test, { n = 10 }))
    run:save("net", net)
    run:tag(c.tie)
  end,
}
