# A figure made by latent. To draw it again:
#   gnuplot THIS_FILE > PICTURE
set encoding utf8
set terminal svg size 442,439 enhanced font 'sans-serif,14.67' dashlength 0.6 background rgb 'white'
$P1S1 << LATENT_END
0 28.203182310978573 26.386736291289456 30.01962833066769
1 38.191742350975673 36.29390415557792 40.089580546373426
2 28.031450685501099 27.013295152721415 29.049606218280783
3 50.318344107945762 37.240816678024089 63.395871537867436
4 54.38070005019506 51.853713588525849 56.90768651186427
5 50.412345533053085 50.152801731145182 50.671889334960987
6 51.096831171989443 50.647858987403055 51.545803356575831
7 158.66238343302408 148.24422518333233 169.08054168271582
8 156.07266242408753 139.24911149015679 172.89621335801826
9 516.86794696935021 21.861308990149869 1136.5170588878013
LATENT_END

# panel 1
set border 3 linecolor rgb '#606060' linewidth 0.8
set tics out nomirror scale 0.6,0.3 textcolor rgb '#000000'
set grid xtics ytics back linetype 1 dashtype 1 linecolor rgb '#e4e4e4' linewidth 0.6
set xtics offset 0,0.3
set ytics offset 0.6,0
set label 'seed_mirror: final test.sse,'."\n".'mean and 95 % interval, 30 runs' at screen 0.5, screen 0.96826 center noenhanced front
set lmargin at screen 0.25839
set rmargin at screen 0.96014
set bmargin at screen 0.39370
set tmargin at screen 0.86635
set logscale y
set xrange [-0.5:9.5]
set yrange [21.861308990149869:1371.7831780766901]
set xtics noenhanced rotate by 35 right ('untied' 0, 'tied' 1, 'unrolled' 2, 'mirrored/step' 3, 'mirrored/epoch' 4, 'pinv/step' 5, 'pinv/epoch' 6, 'encoder only, random decoder' 7, 'encoder only, transposed start' 8, 'encoder only, mirrored/step' 9)
set ytics enhanced ('50' 50, '100' 100, '200' 200, '500' 500, '1000' 1000)
set label 'variant' at screen 0.60927, screen 0.02840 center noenhanced
set label 'test sse'."\n".'(squared error per'."\n".'example)' at screen 0.02823, screen 0.63002 center rotate by 90 noenhanced
unset key
plot $P1S1 using 1:2:3:4 with yerrorbars linecolor rgb '#0072b2' linewidth 1.5 dashtype 1 pointtype 7 pointsize 0.385 notitle, \
    NaN notitle
