-- What do penalties on codes and weights do? One hidden layer of MNIST, tied,
-- with each penalty alone at a few strengths, judged by what the code is good
-- for: reconstruction, a linear classifier, neighbours, and how many units are
-- in use.
--
-- Network   784-196-784, sigmoid code, sigmoid output, cross-entropy, tied.
-- Variants  none; l1 and l2 on the weights (a tied weight counts once); code_l1;
--           KL sparsity to a mean activation of 0.05 (Ng, CS294A);
--           k-sparse, linear code (Makhzani and Frey 2013); contractive (Rifai
--           et al. 2011); orthogonality.
-- Expected  sparsity and the contractive penalty trade reconstruction for a code
--           that is easier to classify.
-- Found     seed 1, test sse and accuracy of the linear classifier: none 9.04,
--           88.9 %; sparsity 1: 12.4, 90.7 %; contractive 1: 13.0, 92.5 %;
--           k-sparse 50: 7.6, 90.9 %; orthogonality 0.1: 43, 89.2 %, since 196
--           rows of length 1 leave sigmoid units no room; l1 and l2 change
--           little at these strengths.
-- Data      MNIST when its files are found, else generated curves.
-- Time      45 runs, about 4 minutes on two cores:
--             latent run experiments/sparse_contractive.lua -j 2
-- Figure    latent plot sweep experiment=sparse_contractive -m test.sse --x strength --by penalty -o s.svg
local latent = require "latent"

local function each(penalty, strengths)
  return latent.grid { penalty = { penalty }, strength = strengths }
end

return latent.experiment {
  name     = "sparse_contractive",
  question = "What do sparsity, contraction and orthogonality do to a code?",

  config = {
    penalty = "none", strength = 0.0, hidden = 196,
    data = latent.data.has("mnist") and "mnist" or "curves",
    n = 10000, n_test = 2000, epochs = 20, batch = 100, rate = 1e-3, seed = 1,
  },
  sweep = (each("none", { 0.0 }) + each("l1", { 1e-4, 1e-3 }) + each("l2", { 1e-4, 1e-3 })
    + each("code_l1", { 0.03, 0.1 }) + each("sparsity", { 0.1, 1.0 }) + each("k_sparse", { 25.0, 50.0 })
    + each("contractive", { 0.1, 1.0 }) + each("orthogonality", { 0.01, 0.1 })) * latent.grid { seed = { 1, 2, 3 } },

  run = function(run, c)
    local data = c.data == "mnist" and latent.data.mnist { n_train = c.n, n_test = c.n_test }
      or latent.data.curves { n_train = c.n, n_test = c.n_test, seed = 7 }
    local train, test = data.train, data.test

    local is_k_sparse = c.penalty == "k_sparse"
    local encoder = { latent.dense { c.hidden, act = is_k_sparse and "linear" or "sigmoid" } }
    local penalty
    if is_k_sparse then
      encoder[2] = latent.k_sparse { math.tointeger(c.strength) }
    elseif c.penalty == "sparsity" then
      penalty = { sparsity = c.strength, sparsity_target = 0.05 }
    elseif c.penalty ~= "none" then
      penalty = { [c.penalty] = c.strength }
    end
    local net = latent.autoencoder {
      input = train.shape, encoder = encoder, output = "sigmoid", tie = "tied", seed = c.seed,
    }
    latent.fit(net, {
      train = train, test = test, loss = "bce", penalty = penalty, optimizer = latent.adam { rate = c.rate },
      epochs = c.epochs, batch = c.batch, run = run,
    })
    if train.has_labels then
      latent.probe { net = net, train = train, test = test, run = run, knn = { 1 }, linear = true, units = true }
    end
    run:figure("filters", latent.plot.filters(net, { n = 100 }))
    run:save("net", net)
    run:tag(c.penalty)
  end,
}
