kind,run,name,recipe,family,dataset,stand_in_for,quick,status,seed,step,metric,value,std,protocol,samples,extractor,split,floor,published,published_protocol,source,images_per_s,seconds,alarms
run,20261122-065447-191a0,done,digits-unet,diffusion,digits,,false,done,0,300,fid,14.2,,fid · digits-cnn@1a2b3c4d · train 1437 · n=500 · heun 18 · ema,500,digits-cnn,train,1.9,,,,2522.378881112344,33375.69476965,divergence
run,20261122-065447-383af,failed [/] ,digits-unet,diffusion,digits,,false,failed,0,20,fid,14.2,,fid · digits-cnn@1a2b3c4d · train 1437 · n=500 · heun 18 · ema,500,digits-cnn,train,1.9,,,,2486.7659485592194,1.0,
run,20261122-065447-667d0,live,digits-unet,diffusion,digits,,false,running,0,105,,,,,,,,,,,,2475.081781054939,5.25,divergence
run,20261122-065447-53130,bidi ,digits-vae,vae,digits,,false,stopped,0,150,fid,14.2,,fid · digits-cnn@1a2b3c4d · train 1437 · n=500 · heun 18 · ema,500,digits-cnn,train,1.9,,,,2482.1653534771544,7.5,
