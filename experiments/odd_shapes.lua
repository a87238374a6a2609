-- The 9x9 story: a convolution of stride 2 makes 5x5 of 9x9 and of 10x10 alike,
-- so a decoder that only knows the 5x5 cannot know which it should give back.
-- Usual ways out are to crop a 10x10, or to upsample and convolve until the
-- size fits. Here the mirror is the adjoint of the encoder's own convolution,
-- and gives back exactly the shape that the encoder received, whatever it was.
--
-- Network   conv 8 (3x3, stride 2), conv 8 (3x3, stride 2), dense code; for
--           9x9: 9 -> 5 -> 3 -> code -> 3 -> 5 -> 9; for 10x10: 10 -> 5 -> 3.
--             mirror     the adjoints, untied or tied
--             upsample   explicit decoder: nearest upsampling, then a "valid"
--                        2x2 convolution that takes the surplus row away
-- Source    a question asked again and again: "decoder output 10x10, input 9x9".
-- Expected  the mirror fits every size without a special case; at equal sizes
--           upsampling needs as many weights for about the same error.
-- Found     seed 1, test sse at 9x9 and at 10x10: mirror untied 0.63, 1.07 with
--           3713 parameters, tied 0.61, 1.08 with 1913, upsample 0.72, 1.14 with
--           3353 and 3393.
-- Data      random patches of MNIST when its files are found, else of curves.
-- Time      24 runs, half a minute on two cores:
--             latent run experiments/odd_shapes.lua -j 2
-- Figure    latent plot sweep experiment=odd_shapes -m test.sse --x size --by decoder -o odd.svg
--           and each run's reconstructions.
local latent = require "latent"

local function conv(act)
  return latent.conv { 8, kernel = 3, stride = 2, pad = "same", act = act }
end

-- From 3x3 back to size: two times upsampled is 6 and 12; a valid 2x2
-- convolution takes one row away, to 5 and so to 10, and another to 9.
local function upsampling(size)
  local valid <const> = { 8, kernel = 2, pad = "valid", act = "relu" }
  local layers = {
    latent.dense { 8 * 3 * 3, act = "relu" }, latent.reshape { 8, 3, 3 },
    latent.upsample { 2 }, latent.conv(valid), latent.upsample { 2 },
  }
  if size == 9 then
    layers[#layers + 1] = latent.conv { 1, kernel = 2, pad = "valid", act = "sigmoid" }
  else
    layers[#layers + 1] = latent.conv { 1, kernel = 3, pad = "same", act = "sigmoid" }
  end
  return layers
end

return latent.experiment {
  name     = "odd_shapes",
  question = "How does a decoder give back 9x9 from 5x5, and not 10x10?",

  config = {
    decoder = "mirror/untied", size = 9, code = 16,
    data = latent.data.has("mnist") and "mnist" or "curves",
    n = 10000, epochs = 30, batch = 100, rate = 2e-3, seed = 1,
  },
  sweep = latent.grid {
    decoder = { "mirror/untied", "mirror/tied", "upsample" }, size = { 9, 10 }, seed = { 1, 2, 3, 4 },
  },

  run = function(run, c)
    local data = c.data == "mnist" and latent.data.mnist {}
      or latent.data.curves { n_train = 4000, n_test = 1000, seed = 7 }
    local size <const> = c.size
    local function patches(set, n, seed)
      return latent.prepare.patches { height = size, width = size, n = n, seed = seed }:apply(set)
    end
    local train = patches(data.train, c.n, 1)
    local test = patches(data.test, math.max(c.n // 5, 100), 2)

    local explicit = c.decoder == "upsample"
    local net = latent.autoencoder {
      input   = train.shape,
      encoder = { conv("relu"), conv("relu"), latent.dense { c.code, act = "linear" } },
      decoder = explicit and upsampling(size) or nil,
      output  = not explicit and "sigmoid" or nil,
      tie     = c.decoder == "mirror/tied" and "tied" or "untied", init = "he", seed = c.seed,
    }
    latent.fit(net, {
      train = train, test = test, loss = "bce", optimizer = latent.adam { rate = c.rate },
      epochs = c.epochs, batch = c.batch, run = run,
    })
    run:log { parameters = net:parameters() }
    run:figure("reconstructions", latent.plot.reconstructions(net, test, {
      n = 10, title = ("%dx%d -> 5x5 -> 3x3 -> %d numbers -> %dx%d, %s"):format(size, size, c.code, size, size,
        c.decoder),
    }))
    run:save("net", net)
    run:tag(c.decoder)
  end,
}
