/* Colours, markers and dashes that a colour-blind reader can tell apart.
 *
 * Lines and points: the eight colours of Okabe and Ito ("Color Universal
 * Design", 2008) in an order that starts with those that differ most in
 * lightness, a darker yellow for use on white, then grey and wine (Tol) so
 * that ten classes have ten colours. Markers and dashes go round with other
 * periods, so that no pair repeats soon. Pictures: grey, or ColorBrewer's
 * RdBu, white at the middle. */
#include "figure_int.h"

#include <math.h>
#include <stdio.h>

static const unsigned char colors[][3] = {
    {0x00, 0x72, 0xb2}, /* blue */
    {0xd5, 0x5e, 0x00}, /* vermillion */
    {0x00, 0x9e, 0x73}, /* bluish green */
    {0xcc, 0x79, 0xa7}, /* reddish purple */
    {0xe6, 0x9f, 0x00}, /* orange */
    {0x56, 0xb4, 0xe9}, /* sky blue */
    {0x00, 0x00, 0x00}, /* black */
    {0xd9, 0xc9, 0x00}, /* yellow, darkened */
    {0x88, 0x22, 0x55}, /* wine */
    {0x8c, 0x8c, 0x8c}, /* grey */
};

/* Circle, square, triangle, diamond, triangle down, pentagon; then again for
 * colours far from the first ones'; then open. */
static const int markers[] = {7, 5,  9, 13, 11, 15, 5,  9,
                              7, 15, 6, 4,  8,  12, 10, 14};

static const char *const dashes[] = {"1", "(12,5)", "(3,4)", "(12,4,3,4)",
                                     "(12,4,3,4,3,4)"};

static const unsigned char diverging[][3] = {
    {0x21, 0x66, 0xac}, {0x67, 0xa9, 0xcf}, {0xd1, 0xe5, 0xf0},
    {0xff, 0xff, 0xff}, {0xfd, 0xdb, 0xc7}, {0xef, 0x8a, 0x62},
    {0xb2, 0x18, 0x2b},
};

lt__rgb lt__palette_color(int i, bool is_faint)
{
    const unsigned char *c = colors[i % (int)(sizeof colors / 3)];
    double keep = is_faint ? 0.4 : 1;
    lt__rgb out;
    int rgb[3];

    for (int k = 0; k < 3; k++)
        rgb[k] = (int)lround(255 - keep * (255 - c[k])) & 255;
    snprintf(out.text, sizeof out.text, "#%02x%02x%02x", rgb[0] & 255,
             rgb[1] & 255, rgb[2] & 255);
    return out;
}

int lt__palette_marker(int i)
{
    return markers[i % (int)(sizeof markers / sizeof *markers)];
}

const char *lt__palette_dash(int i)
{
    return dashes[i % (int)(sizeof dashes / sizeof *dashes)];
}

const char *lt__palette_map(bool is_diverging)
{
    if (!is_diverging)
        return "gray";
    return "defined (0 '#2166ac', 1 '#67a9cf', 2 '#d1e5f0', 3 '#ffffff', "
           "4 '#fddbc7', 5 '#ef8a62', 6 '#b2182b')";
}

void lt__palette_at(bool is_diverging, double t, unsigned char rgb[3])
{
    double s = t < 0 ? 0 : t > 1 ? 1 : t;
    int i;

    if (!is_diverging) {
        rgb[0] = rgb[1] = rgb[2] = (unsigned char)lround(255 * s);
        return;
    }
    s *= 6;
    i = s >= 6 ? 5 : (int)s;
    for (int k = 0; k < 3; k++)
        rgb[k] = (unsigned char)lround(
            diverging[i][k] +
            (s - i) * (diverging[i + 1][k] - diverging[i][k]));
}
