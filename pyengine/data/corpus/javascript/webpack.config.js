/* eslint-env node */
const path = require('node:path');
const { execSync } = require('node:child_process');
const webpack = require('webpack');
const HtmlWebpackPlugin = require('html-webpack-plugin');
const MiniCssExtractPlugin = require('mini-css-extract-plugin');
const CompressionPlugin = require('compression-webpack-plugin');

const revision = execSync('git describe --always --dirty').toString().trim();
const src = path.resolve(__dirname, 'src');

/** Legacy browsers of the showroom terminals; remove once they are replaced (planned for autumn). */
const LEGACY = process.env.TARGET === 'terminal';

module.exports = (env, argv) => {
  const production = argv.mode === 'production';

  const styles = [
    production ? MiniCssExtractPlugin.loader : 'style-loader',
    {
      loader: 'css-loader',
      options: { modules: { auto: /\.module\.\w+$/, localIdentName: '[name]__[local]--[hash:base64:4]' } },
    },
    { loader: 'postcss-loader', options: { postcssOptions: { plugins: ['autoprefixer'] } } },
  ];

  return {
    context: src,
    entry: { app: './index.js', ...(LEGACY && { polyfills: './polyfills.js' }) },
    target: LEGACY ? ['web', 'es5'] : 'web',
    devtool: production ? 'hidden-source-map' : 'eval-cheap-module-source-map',
    output: {
      path: path.resolve(__dirname, 'dist', LEGACY ? 'terminal' : 'web'),
      filename: production ? '[name].[contenthash:8].js' : '[name].js',
      assetModuleFilename: 'assets/[hash][ext]',
      publicPath: '/',
      clean: true,
    },
    resolve: {
      extensions: ['.mjs', '.js', '.json'],
      alias: { '@': src, moment$: 'moment/min/moment.min.js' },
    },
    module: {
      rules: [
        { test: /\.m?js$/, include: src, use: { loader: 'babel-loader', options: { cacheDirectory: true } } },
        { test: /\.css$/, use: styles },
        { test: /\.scss$/, use: [...styles, 'sass-loader'] },
        { test: /\.(png|jpe?g|woff2)$/, type: 'asset', parser: { dataUrlCondition: { maxSize: 6 * 1024 } } },
        { test: /\.svg$/, resourceQuery: /inline/, type: 'asset/source' },
      ],
    },
    plugins: [
      new HtmlWebpackPlugin({ template: 'index.ejs', minify: production, templateParameters: { revision } }),
      new webpack.DefinePlugin({ __REVISION__: JSON.stringify(revision), __LEGACY__: LEGACY }),
      // the locales of the date library weigh more than the rest of the application
      new webpack.ContextReplacementPlugin(/moment[/\\]locale$/, /(de|fr|it)$/),
      production && new MiniCssExtractPlugin({ filename: '[name].[contenthash:8].css' }),
      production && new CompressionPlugin({ test: /\.(js|css|svg)$/, threshold: 2048 }),
    ].filter(Boolean),
    optimization: {
      runtimeChunk: 'single',
      splitChunks: {
        chunks: 'all',
        cacheGroups: { charts: { test: /node_modules[\\/](d3|topojson)/, name: 'charts', priority: 10 } },
      },
    },
    performance: { hints: production && 'error', maxEntrypointSize: 350_000 },
    devServer: {
      port: 8085,
      historyApiFallback: true,
      proxy: [{ context: ['/api'], target: env.backend ?? 'http://localhost:3000', changeOrigin: true }],
    },
  };
};
