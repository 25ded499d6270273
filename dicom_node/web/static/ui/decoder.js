import{e as a,f as b}from"./chunk-LAUWL4CV.js";import"./chunk-OD25DNBV.js";import"./chunk-OOJM4CTU.js";export{b as decodeImageFrame,a as postProcessDecodedPixels};
