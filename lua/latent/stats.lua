-- Statistics of a few repeats: mean, standard deviation, Student's t.
--
-- The quantile of t is found by bisection on its distribution function, which
-- is a regularised incomplete beta function (continued fraction after Lentz;
-- Press et al., Numerical Recipes, 3rd ed., 6.4), good to about 1e-9. All
-- functions pass over values that are not finite.
local stats = {}

local LANCZOS <const> = {
  76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155, 0.1208650973866179e-2,
  -0.5395239384953e-5,
}

-- Lanczos' series (g = 5), relative error below 2e-10.
local function log_gamma(x)
  local t, sum = x + 5.5, 1.000000000190015
  for i, c in ipairs(LANCZOS) do sum = sum + c / (x + i) end
  return (x + 0.5) * math.log(t) - t + math.log(2.5066282746310005 * sum / x)
end

local TINY <const> = 1e-300

local function lift(x)
  return math.abs(x) < TINY and TINY or x
end

local function beta_fraction(a, b, x)
  local c, d = 1, 1 / lift(1 - (a + b) * x / (a + 1))
  local h = d
  for m = 1, 300 do
    local even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
    d, c = 1 / lift(1 + even * d), lift(1 + even / c)
    h = h * d * c
    local odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    d, c = 1 / lift(1 + odd * d), lift(1 + odd / c)
    h = h * d * c
    if math.abs(d * c - 1) < 1e-15 then break end
  end
  return h
end

-- The regularised incomplete beta function I_x(a, b).
function stats.incomplete_beta(a, b, x)
  if x <= 0 then return 0.0 end
  if x >= 1 then return 1.0 end
  local front = math.exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * math.log(x) + b * math.log(1 - x))
  if x < (a + 1) / (a + b + 2) then return front * beta_fraction(a, b, x) / a end
  return 1 - front * beta_fraction(b, a, 1 - x) / b
end

-- P(T <= t) for Student's t with df degrees of freedom.
function stats.t_cdf(t, df)
  local tail = 0.5 * stats.incomplete_beta(df / 2, 0.5, df / (df + t * t))
  return t > 0 and 1 - tail or tail
end

-- The t for which P(T <= t) = p, 0 < p < 1; df may be a fraction.
function stats.t_quantile(p, df)
  if not (p > 0 and p < 1 and df > 0) then error("t_quantile: wanted 0 < p < 1 and df > 0", 2) end
  if p == 0.5 then return 0.0 end
  if p < 0.5 then return -stats.t_quantile(1 - p, df) end
  local low, high = 0.0, 1.0
  while stats.t_cdf(high, df) < p and high < 1e15 do low, high = high, high * 2 end
  for _ = 1, 200 do
    local middle = (low + high) / 2
    if middle == low or middle == high then break end
    if stats.t_cdf(middle, df) < p then low = middle else high = middle end
  end
  return (low + high) / 2
end

local function is_finite(x)
  return x == x and x ~= math.huge and x ~= -math.huge
end
stats.is_finite = is_finite

-- mean, standard deviation (of a sample; nil below 2 values), number of values
function stats.summary(values)
  local n, mean, squares = 0, 0.0, 0.0
  for _, x in ipairs(values) do
    if is_finite(x) then -- Welford's update
      n = n + 1
      local delta = x - mean
      mean = mean + delta / n
      squares = squares + delta * (x - mean)
    end
  end
  if n == 0 then return nil, nil, 0 end
  return mean, n > 1 and math.sqrt(squares / (n - 1)) or nil, n
end

-- mean, half the width of its confidence interval (nil below 2 values), n
function stats.interval(values, level)
  local mean, sd, n = stats.summary(values)
  if not sd then return mean, nil, n end
  return mean, stats.t_quantile(0.5 + (level or 0.95) / 2, n - 1) * sd / math.sqrt(n), n
end

-- The q-quantile (0..1) of a list, between neighbours by a straight line.
function stats.quantile(values, q)
  local sorted = {}
  for _, x in ipairs(values) do
    if is_finite(x) then sorted[#sorted + 1] = x end
  end
  if #sorted == 0 then return nil end
  table.sort(sorted)
  local at = 1 + q * (#sorted - 1)
  local i = math.floor(at)
  local upper = sorted[math.min(i + 1, #sorted)]
  return sorted[i] + (at - i) * (upper - sorted[i])
end

-- Exponential moving average over about `window` points, unbiased from the
-- first on; of the logarithms when is_log. What is not finite stays as it is.
function stats.smooth(values, window, is_log)
  local keep, out, sum, weight = 1 - 2 / (window + 1), {}, 0.0, 0.0
  for i, x in ipairs(values) do
    local v = is_log and x > 0 and math.log(x) or x
    if is_finite(v) and (not is_log or x > 0) then
      sum = keep * sum + (1 - keep) * v
      weight = keep * weight + (1 - keep)
      local mean = sum / weight
      out[i] = is_log and math.exp(mean) or mean
    else
      out[i] = x
    end
  end
  return out
end

return stats
